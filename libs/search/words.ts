/**
 * Words: how text becomes terms, the same way for the word index, the word score and the local embeddings.
 * A term is a Porter stem of a lower-case word without diacritics, irregular forms folded ("went" -> "go"), so it
 * agrees with SQLite FTS5 `porter unicode61 remove_diacritics 2` for everything but the irregular forms, which
 * {@link matchAny} therefore spells out.
 */
import { stemmer } from 'stemmer';

/** Most distinct words one query may ask for: bounds the work of the word index. */
export const MAX_QUERY_WORDS = 48;
/** Characters of a query that are read; the rest is ignored. */
export const MAX_QUERY_CHARS = 4_000;
/** Longer runs of letters are not words (base64, hashes); they are cut here, in both text and query. */
const MAX_WORD_CHARS = 64;

/** Function words of English, auxiliaries and the pieces that apostrophes leave behind ("don't" -> don, t). */
const STOP_WORDS: ReadonlySet<string> = new Set(
  `a about after again all also am an and any are as at be because been before being both but by can could did do does
  doing done down during each either else ever for from further get gets getting got had has have having he her here
  hers herself him himself his how however i if in into is it its itself just like let lets me might more most much
  must my myself no nor not now of off on once one only or other our ours ourselves out over own please same shall she
  should so some such than that the their theirs them themselves then there these they this those through to too
  under until up upon us very was we were what whatever when where whether which while who whom whose why will with
  would you your yours yourself yourselves
  s t d ll m re ve don didn doesn isn wasn aren weren couldn hadn hasn haven shouldn wouldn`.split(/\s+/),
);

/** Irregular verbs and plurals a stemmer cannot fold; first form is the base. */
const IRREGULAR_FORMS: readonly (readonly string[])[] =
  `become became|begin began begun|break broke broken|bring brought|build built|buy bought|catch caught
  |choose chose chosen|come came|draw drew drawn|drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen
  |feel felt|fight fought|find found|fly flew flown|forget forgot forgotten|forgive forgave forgiven|freeze froze frozen
  |give gave given|go went gone|grow grew grown|hang hung|hear heard|hide hid hidden|hold held|keep kept
  |know knew known|lead led|leave left|lend lent|lose lost|make made|meet met|pay paid|ride rode ridden|ring rang rung
  |rise rose risen|run ran|say said|see saw seen|seek sought|sell sold|send sent|shake shook shaken|shoot shot
  |sing sang sung|sink sank sunk|sit sat|sleep slept|speak spoke spoken|spend spent|stand stood|steal stole stolen
  |stick stuck|swim swam swum|take took taken|teach taught|tear tore torn|tell told|think thought
  |throw threw thrown|understand understood|wake woke woken|wear wore worn|win won|write wrote written
  |child children|foot feet|goose geese|man men|mouse mice|person people|tooth teeth|wife wives|woman women`
    .split('|')
    .map((line) => line.trim().split(/\s+/));

/** Stems under which FTS5 knows a term whose forms no stemmer folds, by that term: `go` -> go, went, gone. */
const SPELLINGS: ReadonlyMap<string, readonly string[]> = new Map(
  IRREGULAR_FORMS.map((forms) => [stemmer(forms[0]!), [...new Set(forms.map((form) => stemmer(form)))]] as const),
);

/** The terms of the word index that count as this one. */
export const spellingsOf = (term: string): readonly string[] => SPELLINGS.get(term) ?? [term];

const IRREGULAR: ReadonlyMap<string, readonly string[]> = new Map(
  IRREGULAR_FORMS.flatMap((forms) => forms.map((form) => [form, forms] as const)),
);

/** Lower-case words of a text in order, without diacritics and punctuation. Any input is safe, an empty list possible. */
export function wordsOf(text: string): string[] {
  const plain = text
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .toLowerCase();
  return (plain.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.slice(0, MAX_WORD_CHARS));
}

export function isStopWord(word: string): boolean {
  return STOP_WORDS.has(word);
}

const stems = new Map<string, string>();
const STEMS_KEPT = 50_000;

/** The term of one word, e.g. `painted` -> `paint`, `went` -> `go`. Pure; remembered for speed. */
export function termOf(word: string): string {
  const known = stems.get(word);
  if (known !== undefined) return known;
  const term = stemmer(IRREGULAR.get(word)?.[0] ?? word);
  if (stems.size >= STEMS_KEPT) stems.clear();
  stems.set(word, term);
  return term;
}

/** Terms of a text in order, repeated as they occur, stop words left out. */
export function termsOf(text: string): string[] {
  return wordsOf(text)
    .filter((word) => !STOP_WORDS.has(word))
    .map(termOf);
}

/** One thing a query asks for: its term and the spellings under which the word index may know it. */
export interface QueryWord {
  term: string;
  /** Words to look for, the irregular forms included: `go`, `went`, `gone`. At least one. */
  forms: readonly string[];
}

/**
 * What a query asks for: distinct, in order, at most {@link MAX_QUERY_WORDS}. A query of nothing but stop words
 * ("who are you?") asks for those, so that it still finds something.
 */
export function queryWords(query: string): QueryWord[] {
  const words = wordsOf(query.slice(0, MAX_QUERY_CHARS));
  const telling = words.filter((word) => !STOP_WORDS.has(word));
  const found = new Map<string, QueryWord>();
  for (const word of telling.length > 0 ? telling : words) {
    const term = termOf(word);
    if (!found.has(term)) found.set(term, { term, forms: IRREGULAR.get(word) ?? IRREGULAR.get(term) ?? [word] });
    if (found.size === MAX_QUERY_WORDS) break;
  }
  return [...found.values()];
}

/**
 * An FTS5 MATCH expression for whatever a user has typed: quoted words joined by OR, so no operator, quote, star or NUL
 * of the query has a meaning.
 * @param words at least one.
 */
export function matchAny(words: readonly QueryWord[]): string {
  const forms = new Set(words.flatMap((word) => word.forms));
  return [...forms].map((form) => `"${form}"`).join(' OR ');
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const ISO_DAY = /\b(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?:T[\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?(?!\d)/g;

/**
 * The searchable words of a metadata object: its string values (nested too, at most 50), with ISO dates also spelled out
 * ("2023-05-08T13:56:00Z" -> "... 8 May 2023"), so that "in May" finds what was said in May. Identifiers such as UUIDs
 * are left out. Bounded to 1,000 characters.
 */
export function metadataWords(metadata: unknown): string {
  const found: string[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (found.length >= 50 || depth > 4) return;
    if (typeof value === 'string') {
      if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(value)) return;
      found.push(
        value.replace(
          ISO_DAY,
          (_, year: string, month: string, day: string) => `${Number(day)} ${MONTHS[Number(month) - 1]} ${year}`,
        ),
      );
    } else if (Array.isArray(value)) value.forEach((item) => visit(item, depth + 1));
    else if (value !== null && typeof value === 'object')
      Object.values(value).forEach((item) => visit(item, depth + 1));
  };
  visit(metadata, 0);
  return found.join(' ').slice(0, 1_000);
}
