import {
  AFTER_LIST,
  ANNOUNCEMENTS,
  CASE_MATTERS,
  CONDITIONS,
  EMPTY,
  MONTHS,
  NEGATIONS,
  NUMBERS,
  OPENERS,
  OPPOSITES,
  ORDINALS,
  POINTING,
  PRONOUNS,
  SAME,
  STRESSED,
  UNIT_SIGNS,
  UNITS,
  WEEKDAYS,
  WEEKDAY_SIGNS,
} from './statement-words.js';

/**
 * Whether two texts state the same. Nothing is learned here, and nothing is near enough: a text is brought into a form in
 * which spellings, numbers, dates, times and units are written one way and words that say nothing are gone, and only texts
 * of one form are the same. Whatever is merely similar is for somebody to look at, and what differs in a number, a name, a
 * negation or an opposite is not even that.
 */
export interface Statement {
  /** The normal form; two texts of one form say the same. */
  form: string;
  tokens: string[];
  /** Names of things in machines, of which every sign counts: flags, paths, identifiers, operators. */
  literals: string;
  /** Capitalised words inside of sentences, as the form spells them. */
  names: ReadonlySet<string>;
  /** What it means depends on when or where it was said. */
  pointing: boolean;
}

/** Longest text that is compared, in characters; longer ones are only ever the same when they are equal. */
export const MAX_STATEMENT = 4_000;

export function statementOf(text: string): Statement {
  const plain = spelledOut(text.slice(0, MAX_STATEMENT));
  const names = new Set<string>();
  const stressed = isMostlyCapitals(plain);
  const sentences = sentencesOf(plain).map((sentence) => {
    const tokens = tokensOf(sentence, names, stressed);
    return inOrder(tokens);
  });
  const tokens = sentences.filter((sentence) => sentence.length > 0).flatMap((s, n) => (n === 0 ? s : ['.', ...s]));
  const literals = literalsOf(text.slice(0, MAX_STATEMENT));
  const form = literals === '' ? tokens.join(' ') : `${tokens.join(' ')}\n${literals}`;
  return { form, tokens, literals, names, pointing: points(sentences[0] ?? [], tokens) };
}

export type Verdict = 'same' | 'unsure' | 'distinct';

/** From which share of common words on two texts may be about the same. */
const SIMILAR = 0.6;
/** From which cosine of their vectors on; trained models put most of what is unrelated below 0.8. */
export const NEAR = 0.93;

export function compare(one: Statement, other: Statement, cosine = 0): { verdict: Verdict; reason: string } {
  if (one.form === other.form) return { verdict: 'same', reason: 'They say the same.' };
  if (one.literals !== other.literals)
    return { verdict: 'distinct', reason: 'They differ in the spelling of something in a machine.' };
  const [here, there] = differing(one.tokens, other.tokens);
  if (here.length === 0 && there.length === 0)
    return { verdict: 'distinct', reason: 'The same words in another order say something else.' };
  const telling = tellingDifference(one, other, here, there);
  if (telling !== undefined) return { verdict: 'distinct', reason: telling };
  const share = jaccard(one.tokens, other.tokens);
  if (share < SIMILAR && cosine < NEAR) return { verdict: 'distinct', reason: 'They have too little in common.' };
  return {
    verdict: 'unsure',
    reason: `They differ in "${here.join(' ')}" and "${there.join(' ')}", which may or may not be the same.`,
  };
}

const LITERAL = /^--?[a-z]|[=<>|\\{}@~^_]|::|:\/\/|\p{L}[!/]|[/!]\p{L}|\p{Ll}\p{Lu}|\p{L}-?\d+-?\p{Lu}|\p{Lu}\p{L}*\d/u;

/** What is spelled like something in a machine, as it is spelled. */
const literalsOf = (text: string): string =>
  text
    .split(/\s+/)
    .map((chunk) => chunk.replace(/^["'“‘(]+|["'”’),.;:!?]+$/gu, ''))
    .filter((chunk) => LITERAL.test(chunk))
    .join(' ');

/** Everything in a text that must be the same in both before they are looked at together. */
export function figuresOf({ tokens }: Statement): string {
  return tokens
    .filter((token) => /\d/.test(token) || NEGATIONS.has(token) || token === '?')
    .toSorted()
    .join(' ');
}

function tellingDifference(one: Statement, other: Statement, here: string[], there: string[]): string | undefined {
  const changed = [...here, ...there];
  const figure = changed.find((token) => /\d|[%$€£¥]/.test(token) || UNITS.has(token));
  if (figure !== undefined) return `They differ in "${figure}".`;
  if (one.tokens.includes('?') !== other.tokens.includes('?')) return 'One asks what the other states.';
  const word = changed.find((token) => NEGATIONS.has(token) || CONDITIONS.has(token) || /'/.test(token));
  if (word !== undefined) return `"${word}" makes another statement of it.`;
  const name = here.find((token) => one.names.has(token)) ?? there.find((token) => other.names.has(token));
  if (name !== undefined) return `They differ in the name "${name}".`;
  for (const a of here) {
    for (const b of there) {
      if (OPPOSITES.has(`${a}/${b}`)) return `"${a}" is not "${b}".`;
      if (isNegated(a, b) || isNegated(b, a)) return `"${a}" is the opposite of "${b}".`;
      if (isOtherTense(a, b)) return `"${a}" and "${b}" are at different times.`;
    }
  }
  return undefined;
}

const isNegated = (a: string, b: string): boolean => /^(?:un|in|im|dis|non|ir|il|anti|mis)/.test(a) && a.endsWith(b);

function isOtherTense(a: string, b: string): boolean {
  const past = (word: string): boolean => word.endsWith('ed');
  return past(a) !== past(b) && a.slice(0, 4) === b.slice(0, 4);
}

/** What each has that the other has not, as often as it has it more. */
function differing(one: string[], other: string[]): [string[], string[]] {
  const rest = [...other];
  const here = one.filter((token) => {
    const at = rest.indexOf(token);
    if (at < 0) return true;
    rest.splice(at, 1);
    return false;
  });
  return [here, rest];
}

function jaccard(one: string[], other: string[]): number {
  const [a, b] = [new Set(one), new Set(other)];
  const common = [...a].filter((token) => b.has(token)).length;
  return common / (a.size + b.size - common || 1);
}

const points = (first: string[], tokens: string[]): boolean =>
  tokens.some((token) => POINTING.has(token)) || (first[0] !== 'i' && PRONOUNS.has(first[0] ?? ''));

// Spelling ------------------------------------------------------------------------------------------------------

const MONTH_NAMES = MONTHS.map((month) => `${month}|${month.slice(0, 3)}`).join('|');
const MONTH = `(${MONTH_NAMES}|sept)\\.?`;
const DAY = '(\\d{1,2})(?:st|nd|rd|th)?';

const monthNumber = (name: string): string =>
  String(MONTHS.findIndex((month) => month.startsWith(name.toLowerCase().slice(0, 3))) + 1).padStart(2, '0');
const two = (text: string): string => text.padStart(2, '0');

/** Contractions, dates, times and numbers, each in one spelling. What a text has no sign of is not looked for in it. */
function spelledOut(text: string): string {
  let plain = text
    .normalize('NFKC')
    .replace(/[\u2018\u2019\u02BC]/g, "'")
    .replace(/["\u201C\u201D\u00AB\u00BB()[\]*`]/g, ' ')
    .replace(/[\u2010-\u2012]/g, '-')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(ANNOUNCEMENTS, '')
    .replace(TWO_WORDS, (found) => ONE_WORD[found.toLowerCase()]!);
  if (plain.includes("'")) plain = withoutContractions(plain);
  return /\d/.test(plain) ? withPlainFigures(plain) : plain;
}

const ONE_WORD: Readonly<Record<string, string>> = {
  cannot: 'can not',
  'e-mail': 'email',
  'e-mails': 'emails',
  'mobile phone': 'phone',
  'cell phone': 'phone',
  'per cent': 'percent',
  website: 'site',
  'web site': 'site',
  noon: '12:00',
};
const TWO_WORDS = new RegExp(`\\b(?:${Object.keys(ONE_WORD).join('|')})\\b`, 'gi');

const withoutContractions = (text: string): string =>
  text
    .replace(/\bcan't\b/gi, 'can not')
    .replace(/\bwon't\b/gi, 'will not')
    .replace(/n't\b/gi, ' not')
    .replace(/\bi'm\b/gi, 'I am')
    .replace(/\b(you|we|they)'re\b/gi, '$1 are')
    .replace(/\b(i|you|we|they)'ve\b/gi, '$1 have')
    .replace(/\b(it|that|he|she|there|what|who)'s\b/gi, '$1 is')
    .replace(/'ll\b/gi, ' will');

const ISO_DATE = /\b(\d{4})[/-](\d{1,2})[/-](\d{1,2})\b/g;
const MONTH_DAY_YEAR = new RegExp(`\\b${MONTH} ${DAY},? (\\d{4})\\b`, 'gi');
const DAY_MONTH_YEAR = new RegExp(`\\b${DAY} (?:of )?${MONTH},? (\\d{4})\\b`, 'gi');
const MONTH_DAY = new RegExp(`\\b(?<![\\d.])${MONTH} ${DAY}\\b(?!:)`, 'gi');
const DAY_MONTH = new RegExp(`\\b(?:the )?${DAY} (?:of )?${MONTH}(?![\\w])`, 'gi');
const ANY_MONTH = new RegExp(`\\b(?:${MONTH_NAMES})`, 'i');

function withPlainFigures(text: string): string {
  const dated = ANY_MONTH.test(text) ? withPlainDates(text) : text;
  return dated
    .replace(ISO_DATE, (_, y: string, m: string, d: string) => ` ${y}-${two(m)}-${two(d)} `)
    .replace(/\b(\d{1,2})(?::(\d\d))? ?([ap])\.?m\b\.?/gi, (_, h: string, m: string | undefined, half: string) =>
      time(Number(h), m ?? '00', half.toLowerCase()),
    )
    .replace(/\b(\d):(\d\d)\b/g, '0$1:$2')
    .replace(/(?<=\d),(?=\d{3}\b)/g, '')
    .replace(/([$€£¥]) ?(\d+(?:\.\d+)?)/g, ' $2 $1 ')
    .replace(/\b(\d+(?:\.\d+)?)(?!st\b|nd\b|rd\b|th\b)([a-z]{1,5})\b/gi, '$1 $2')
    .replace(/(?<=\d) ?%/g, ' % ');
}

const withPlainDates = (text: string): string =>
  text
    .replace(MONTH_DAY_YEAR, (_, m: string, d: string, y: string) => date(y, m, d))
    .replace(DAY_MONTH_YEAR, (_, d: string, m: string, y: string) => date(y, m, d))
    .replace(MONTH_DAY, (_, m: string, d: string) => date('', m, d))
    .replace(DAY_MONTH, (all: string, d: string, m: string) =>
      /^(?:may|march|mar|jan|sep|dec)$/.test(m) ? all : date('', m, d),
    );

const date = (year: string, month: string, day: string): string =>
  ` ${year === '' ? '-' : year}-${monthNumber(month)}-${two(day)} `;

function time(hour: number, minute: string, half: string): string {
  if (hour > 12) return `${hour}:${minute}`;
  return ` ${two(String((hour % 12) + (half === 'p' ? 12 : 0)))}:${minute} `;
}

/** Sentences end with a point, an exclamation or a question mark before a space; a question keeps its mark. */
const sentencesOf = (text: string): string[] => text.split(/(?<=[.!?;])\s+/).filter((sentence) => sentence !== '');

const isMostlyCapitals = (text: string): boolean => {
  const letters = text.match(/\p{L}/gu) ?? [];
  return letters.length > 0 && (text.match(/\p{Lu}/gu) ?? []).length > letters.length / 2;
};

const TOKEN =
  /[-+]?\d+(?:[.,:/-]\d+)*(?:st|nd|rd|th)?|--\d\d-\d\d|[\p{L}\p{M}][\p{L}\p{M}\d'+#&/]*(?:\.[\p{L}\d]+)*|\p{Extended_Pictographic}|[%$€£¥?,]/gu;

/** The words of a sentence in their one spelling; names are noted. */
function tokensOf(sentence: string, names: Set<string>, stressed: boolean): string[] {
  const tokens: string[] = [];
  // A hyphen joins words that are written apart elsewhere; between digits it is part of a date or a range.
  const raw = [...sentence.replace(/(?<=\p{L})-(?=\p{L})/gu, ' ').matchAll(TOKEN)].map(([token]) => token);
  raw.forEach((token, index) => {
    const spelled = spelling(token, index, tokens, stressed);
    if (spelled === undefined) return;
    tokens.push(spelled);
    if (index > 0 && !stressed && /^\p{Lu}/u.test(token) && token !== 'I' && !STRESSED.has(token.toLowerCase()))
      names.add(spelled);
  });
  return tokens;
}

function spelling(token: string, index: number, before: string[], stressed: boolean): string | undefined {
  if (/^[-+]?\d/.test(token) || token.startsWith('--')) return joinedNumber(token, before);
  const last = before.at(-1) ?? '';
  // After a number, letters may be a unit, and of a unit every letter counts.
  if (/^[\d.]+$/.test(last) && token.length <= 3 && /\p{Lu}/u.test(token) && !UNIT_SIGNS.has(token)) return token;
  const lower = token.toLowerCase();
  const capital = /^\p{Lu}/u.test(token);
  if (EMPTY.has(lower) && !(capital && index > 0 && token.length === 1)) return undefined;
  if (!stressed && !STRESSED.has(lower)) {
    if (/^\p{Lu}{2,}$/u.test(token) && !UNIT_SIGNS.has(token) && lower !== 'ok' && lower !== 'tv') return token;
    if (capital && index > 0 && CASE_MATTERS.has(lower) && !MONTHS.includes(lower)) return token;
  }
  if (Object.hasOwn(NUMBERS, lower)) return joinedNumber(String(NUMBERS[lower]!), before);
  const word = lower.replace(/'$/, '');
  return oneWord(word, before);
}

/** "twenty" and "five" are 25. */
function joinedNumber(number: string, before: string[]): string {
  const tens = Number(before.at(-1));
  if (tens >= 20 && tens < 100 && tens % 10 === 0 && /^[1-9]$/.test(number)) {
    before.pop();
    return String(tens + Number(number));
  }
  return number;
}

function oneWord(word: string, before: string[]): string {
  if (Object.hasOwn(ORDINALS, word)) return ORDINALS[word]!;
  if (Object.hasOwn(WEEKDAY_SIGNS, word)) return WEEKDAY_SIGNS[word]!;
  // "on Mondays" is "every Monday".
  if (before.at(-1) === 'on' && word.endsWith('s') && WEEKDAYS.includes(word.slice(0, -1))) {
    before[before.length - 1] = 'every';
    return word.slice(0, -1);
  }
  if (word === 'daily' || word === 'weekly' || word === 'yearly') {
    if (before.length > 1) before.push('every');
    return before.length > 1 ? { daily: 'day', weekly: 'week', yearly: 'year' }[word] : word;
  }
  return Object.hasOwn(SAME, word) ? SAME[word]! : word;
}

// Order ---------------------------------------------------------------------------------------------------------

/** One order where order says nothing: a part that stands first goes last, two that are joined by "and" are sorted. */
function inOrder(tokens: string[]): string[] {
  return withoutEnd(sortedPairs(openingLast(withoutSerialComma(tokens))));
}

/** The comma before the last "and" of a list is a matter of taste. */
const withoutSerialComma = (tokens: string[]): string[] =>
  tokens.filter((token, index) => token !== ',' || !['and', 'or'].includes(tokens[index + 1] ?? ''));

const isTime = (token: string): boolean => /\d/.test(token) || MONTHS.includes(token) || WEEKDAYS.includes(token);

/** "In June, the team moves" is "the team moves in June". */
function openingLast(tokens: string[]): string[] {
  if (tokens.includes('?') || !OPENERS.has(tokens[0] ?? '')) return tokens;
  const comma = tokens.indexOf(',');
  const length = comma > 0 ? comma : isTime(tokens[1] ?? '') && !isTime(tokens[2] ?? '') ? 2 : 0;
  if (length === 0 || length === tokens.length) return tokens;
  const rest = tokens.slice(comma > 0 ? length + 1 : length);
  return [...rest, ...tokens.slice(0, length)];
}

/** "tea and coffee" is "coffee and tea", where nothing that follows could belong to the second alone. */
function sortedPairs(tokens: string[]): string[] {
  if (tokens.includes('respectively')) return tokens;
  const sorted = [...tokens];
  for (let at = 1; at < sorted.length - 1; at++) {
    if (sorted[at] !== 'and' && sorted[at] !== 'or') continue;
    const [left, right, after] = [sorted[at - 1]!, sorted[at + 1]!, sorted[at + 2]];
    const alone = at === 1 || after === undefined || AFTER_LIST.has(after);
    const plain = [left, right].every((token) => !CONDITIONS.has(token) && token !== ',' && token !== 'and');
    // A third part to the left, or a verb on both sides, would be torn apart.
    if (!alone || !plain || sorted[at - 2] === ',') continue;
    if (left > right) [sorted[at - 1], sorted[at + 1]] = [right, left];
  }
  return sorted;
}

const withoutEnd = (tokens: string[]): string[] => {
  const end = tokens.findLastIndex((token) => token !== ',');
  return tokens.slice(0, end + 1);
};
