/**
 * About how many tokens a model makes of a text. Every model cuts otherwise, and their tables are megabytes; this errs on the
 * side of too many: words in pieces of at most four letters, digits in threes, every sign by itself, and what is not ASCII
 * by its bytes, as tokenizers fall back to them. A blank belongs to the word that follows it.
 */
export function countTokens(text: string): number {
  let tokens = 0;
  for (const run of text.match(RUNS) ?? []) tokens += tokensOf(run);
  return tokens;
}

const RUNS = /[A-Z]?[a-z]+|[A-Z]+|\d+|[^\x00-\x7f]+|\s+|[\x00-\x7f]/g;

// Every line of a prompt is counted, most of them in runs of one sign: codes are compared, not patterns.
function tokensOf(run: string): number {
  const code = run.charCodeAt(0);
  if (code > 0x7f) return foreign(run);
  if (isLetter(code)) return Math.ceil(run.length / lettersPerToken(run));
  if (code >= 0x30 && code <= 0x39) return Math.ceil(run.length / 3);
  if (run === ' ') return 0;
  // Blanks come in runs, every other sign by itself.
  return Math.ceil(run.length / 2);
}

const isCapital = (code: number): boolean => code >= 0x41 && code <= 0x5a;
const isLetter = (code: number): boolean => isCapital(code) || (code >= 0x61 && code <= 0x7a);

/** Long runs are no words: ids, hashes, encodings. */
function lettersPerToken(run: string): number {
  if (run.length > 20) return 1.8;
  return isCapital(run.charCodeAt(0)) && isCapital(run.charCodeAt(1)) ? 2 : 4;
}

function foreign(run: string): number {
  let tokens = 0;
  for (const sign of run) {
    const bytes = Buffer.byteLength(sign);
    tokens += RARE.test(sign) ? bytes : bytes / 1.8;
  }
  return Math.ceil(tokens);
}

/** What no vocabulary spells with fewer tokens than bytes: marks upon marks, old and rare characters, emoji. */
const RARE = /[\u0300-\u036F\u3400-\u4DBF\u{10000}-\u{10FFFF}]/u;
