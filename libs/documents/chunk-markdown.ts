/**
 * Markdown into chunks of about 512 tokens: cut at headings, else between paragraphs, else at the end of a line or
 * between words. Pure and stable: the same text is cut the same way for ever, or {@link CHUNKING} changes.
 */
import type { Cut } from './document.events.js';

export const CHUNKING = 1;
export const CHUNK_TOKENS = 512;
/** What a chunk repeats of the one before it, when no heading stands between them. */
export const OVERLAP_TOKENS = 50;
/** A share of a chunk: a section smaller than that does not get a chunk of its own. */
const SMALL = 1 / 8;

/** Part of a text that is not cut if that can be avoided. */
interface Block {
  start: number;
  end: number;
  tokens: number;
  /** Set where it begins with a heading: its level and words. */
  heading?: { level: number; words: string };
}

/**
 * Cuts of `text` from `begin` on. Everything but blank space is in at least one chunk. No chunk has more than
 * {@link CHUNK_TOKENS}, unless there were more than `most` of them: then all are twice as large, and so on.
 */
export function chunkMarkdown(text: string, begin = 0, most = 4096): Cut[] {
  const blocks = blocksOf(text, begin);
  for (let size = CHUNK_TOKENS; ; size *= 2) {
    const cuts = assemble(text, blocks, size);
    if (cuts.length <= most) return cuts;
  }
}

/**
 * About how many tokens a model makes of this: a quarter of a token for each ASCII character, one for each character
 * of a script that has no letters, half of one for what lies between.
 */
export function tokensIn(text: string, start = 0, end = text.length): number {
  let quarters = 0;
  for (let index = start; index < end; index++) quarters += quartersOf(text.charCodeAt(index));
  return quarters / 4;
}

const quartersOf = (unit: number): number => (unit < 0x80 ? 1 : unit < 0x2e80 ? 2 : 4);

function assemble(text: string, blocks: Block[], size: number): Cut[] {
  const cuts: Cut[] = [];
  const path: string[] = [];
  let open: Block[] = [];
  let tokens = 0;
  let from = 0;
  let heading = '';

  const close = (carry: Block[]): void => {
    const end = open.at(-1)!.end;
    if (text.slice(from, end).trim() !== '') cuts.push({ heading, start: from, end });
    open = [];
    tokens = 0;
    carry.forEach(add);
  };
  const add = (block: Block): void => {
    const first = open.length === 0;
    // A chunk is told by the headings above its first words, not by those of a small section that follows.
    const stillHeadings = open.every((one) => one.heading !== undefined);
    if (block.heading !== undefined) enter(path, block.heading);
    if (first) from = block.heading === undefined ? overlapFrom(text, block.start, cuts.at(-1)) : block.start;
    if (first) tokens = tokensIn(text, from, block.start);
    if (first || stillHeadings) heading = path.filter(Boolean).join(' > ');
    open.push(block);
    tokens += block.tokens;
  };

  for (const block of blocks.flatMap((one) => split(text, one, size - OVERLAP_TOKENS))) {
    const body = open.some((one) => one.heading === undefined);
    if (block.heading !== undefined && body && tokens >= size * SMALL) close([]);
    else if (open.length > 0 && tokens + block.tokens > size) {
      // A heading does not stay behind what it stands above, if there is room for both.
      const kept = open.findLastIndex((one) => one.heading === undefined) + 1;
      const carried = open.slice(kept).reduce((sum, one) => sum + one.tokens, 0);
      close(kept > 0 && carried + block.tokens <= size ? open.splice(kept) : []);
    }
    add(block);
  }
  if (open.length > 0) close([]);
  return cuts;
}

/** The headings in force, after this one. */
function enter(path: string[], { level, words }: { level: number; words: string }): void {
  path.length = Math.min(path.length, level - 1);
  while (path.length < level - 1) path.push('');
  path.push(words);
}

/** Where a chunk begins that goes on with a section: some words before its own. */
function overlapFrom(text: string, start: number, before: Cut | undefined): number {
  if (before === undefined || before.end !== start) return start;
  let quarters = 0;
  let from = start;
  while (from > before.start + 1 && quarters + quartersOf(text.charCodeAt(from - 1)) <= OVERLAP_TOKENS * 4) {
    from -= 1;
    quarters += quartersOf(text.charCodeAt(from));
  }
  const word = /\s\S/.exec(text.slice(from, start));
  return word === null ? start : from + word.index + 1;
}

/** Paragraphs, headings, and code between fences: one after the other, blank lines with what stands before them. */
function blocksOf(text: string, begin: number): Block[] {
  const blocks: Block[] = [];
  let blank = false;
  for (const { start, end, heading, isBlank, isCode } of linesOf(text, begin)) {
    const last = blocks.at(-1);
    if (last !== undefined && heading === undefined && (isBlank || isCode || !(blank || last.heading))) last.end = end;
    else blocks.push({ start, end, tokens: 0, ...(heading && { heading }) });
    blank = isBlank;
  }
  for (const block of blocks) block.tokens = tokensIn(text, block.start, block.end);
  return blocks;
}

interface Line {
  start: number;
  end: number;
  isBlank: boolean;
  /** Between fences, or the one that ends them. */
  isCode: boolean;
  heading: Block['heading'];
}

function* linesOf(text: string, begin: number): Iterable<Line> {
  let fence: string | undefined;
  for (let start = begin; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline + 1;
    const mark = firstMark(text, start, end);
    const isCode = fence !== undefined;
    const heading = mark === '#' && !isCode ? headingOf(text.slice(start, end)) : undefined;
    yield { start, end, isBlank: mark === undefined, isCode, heading };
    if (mark === '`' || mark === '~') fence = fenceAfter(text.slice(start, end), fence);
    start = end;
  }
}

/** The first character of a line that is not blank: most lines are told by it. */
function firstMark(text: string, start: number, end: number): string | undefined {
  for (let index = start; index < end; index++) if (!/\s/.test(text[index]!)) return text[index];
  return undefined;
}

/** `## Words ##`, with at most three blanks before it. Long lines are no headings. */
function headingOf(line: string): Block['heading'] {
  if (line.length > 1000) return undefined;
  const [, marks, rest] = /^ {0,3}(#{1,6})(?=\s|$)(.*)/.exec(line) ?? [];
  if (marks === undefined) return undefined;
  const words = rest!.trim().split(/\s+/);
  if (/^#+$/.test(words.at(-1) ?? '')) words.pop();
  return { level: marks.length, words: words.join(' ') };
}

/** The words of the first heading of the first level. */
export function firstTitle(text: string, begin = 0): string | undefined {
  for (const { heading } of linesOf(text, begin))
    if (heading?.level === 1 && heading.words !== '') return heading.words;
  return undefined;
}

function fenceAfter(line: string, fence: string | undefined): string | undefined {
  const [, marks, info] = /^ {0,3}(`{3,}|~{3,})(.*)/.exec(line) ?? [];
  if (marks === undefined) return fence;
  if (fence === undefined) return marks[0] === '`' && info!.includes('`') ? undefined : marks;
  return marks[0] === fence[0] && marks.length >= fence.length && info!.trim() === '' ? undefined : fence;
}

/** A block that is too long, in pieces of at most `size` tokens: at ends of lines, of sentences, between words. */
function split(text: string, block: Block, size: number): Block[] {
  if (block.tokens <= size) return [block];
  const pieces: Block[] = [];
  let start = block.start;
  while (start < block.end) {
    const limit = within(text, start, block.end, size);
    const end = limit === block.end ? limit : breakBefore(text, start, limit);
    const heading = start === block.start ? block.heading : undefined;
    pieces.push({ start, end, tokens: tokensIn(text, start, end), ...(heading && { heading }) });
    start = end;
  }
  return pieces;
}

/** The last place that is at most `size` tokens away. */
function within(text: string, start: number, end: number, size: number): number {
  let quarters = 0;
  for (let index = start; index < end; index++) {
    quarters += quartersOf(text.charCodeAt(index));
    if (quarters > size * 4) return index;
  }
  return end;
}

function breakBefore(text: string, start: number, limit: number): number {
  const half = start + ((limit - start) >> 1);
  const line = text.lastIndexOf('\n', limit - 1);
  if (line >= half) return line + 1;
  for (let index = limit; index > half; index--)
    if (/[.!?。！？]/.test(text[index - 2]!) && /\s/.test(text[index - 1]!)) return index;
  for (let index = limit; index > half; index--) if (/\s/.test(text[index - 1]!)) return index;
  // Never between the halves of a character.
  return /[\uDC00-\uDFFF]/.test(text[limit]!) && limit - 1 > start ? limit - 1 : limit;
}
