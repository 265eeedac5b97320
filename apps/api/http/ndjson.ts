import { Readable } from 'node:stream';
import { DomainError } from '#kernel';

/** One document of a stream, with its line number from 1. */
export interface Line {
  number: number;
  /** Its bytes: whoever parses them sees whether they are UTF-8. */
  bytes: Buffer;
}

/** Most bytes of one line, and of all of them. */
export interface Limits {
  line: number;
  total: number;
}

const NEWLINE = 0x0a;

/** Non-empty lines of a stream, never more of it in memory than one line. */
export async function* readLines(stream: Readable, limits: Limits): AsyncIterable<Line> {
  let number = 1;
  let total = 0;
  let parts: Buffer[] = [];
  const take = (): Line => {
    const line = { number: number++, bytes: Buffer.concat(parts) };
    parts = [];
    return line;
  };
  // Whoever stops early still wants to answer on the same socket.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > limits.total) throw tooLarge('body', 'body', limits.total);
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, end));
      from = end + 1;
      const line = take();
      if (!isBlank(line)) yield line;
    }
    parts.push(chunk.subarray(from));
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length > limits.line) throw tooLarge(`line ${number}`, `line ${number}`, limits.line);
  }
  const last = take();
  if (!isBlank(last)) yield last;
}

const isBlank = ({ bytes }: Line): boolean => bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);

const tooLarge = (field: string, what: string, limit: number): DomainError =>
  new DomainError('too-large', 'body-too-large', `${what}: has more than ${limit} bytes`, {
    errors: [{ field, detail: `has more than ${limit} bytes` }],
  });

/** Groups lines into pages of a size. */
export async function* inPages<T>(items: AsyncIterable<T>, size: number): AsyncIterable<T[]> {
  let page: T[] = [];
  for await (const item of items) {
    page.push(item);
    if (page.length === size) {
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}

/** Pages of values as a stream of JSON lines; told of how many there are on each. */
export function ndjson(pages: AsyncIterable<unknown[]>, onPage: (lines: number) => void = () => undefined): Readable {
  return Readable.from(lines(pages, onPage));
}

async function* lines(pages: AsyncIterable<unknown[]>, onPage: (lines: number) => void): AsyncIterable<string> {
  for await (const page of pages) {
    onPage(page.length);
    yield page.map((value) => `${JSON.stringify(value)}\n`).join('');
  }
}
