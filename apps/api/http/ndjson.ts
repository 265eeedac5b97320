import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

/** One document of a stream, with its line number from 1. */
export interface Line {
  number: number;
  text: string;
}

/** Non-empty lines of a stream. */
export async function* readLines(stream: Readable): AsyncIterable<Line> {
  let number = 0;
  for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
    number += 1;
    if (text.trim() !== '') yield { number, text };
  }
}

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

/** Pages of values as a stream of JSON lines. */
export function ndjson(pages: AsyncIterable<unknown[]>): Readable {
  return Readable.from(lines(pages));
}

async function* lines(pages: AsyncIterable<unknown[]>): AsyncIterable<string> {
  for await (const page of pages) yield page.map((value) => `${JSON.stringify(value)}\n`).join('');
}
