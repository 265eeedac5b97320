import { readFileSync } from 'node:fs';
import { Database, sql } from '#storage';

/** Bytes of a database file that hold something, and how much there is in pages that are in use. */
export interface UsedBytes {
  /** From and to (not included), in order. */
  ranges: [from: number, to: number][];
  used: number;
  live: number;
}

/**
 * Which bytes of a file mean something to SQLite: of each page that is part of a table or an index its head, its list of
 * cells and the cells, and of a chain of overflow the link and the payload. What lies between, left from rows that went or
 * moved, is read by nobody. See sqlite.org/fileformat2.html.
 */
export function usedBytes(path: string): UsedBytes {
  const file = readFileSync(path);
  const size = file.readUInt16BE(16) === 1 ? 65536 : file.readUInt16BE(16);
  const db = Database.open({ path, readonly: true });
  const pages = db.all<{ pageno: number; pagetype: string; payload: number }>(
    sql`SELECT pageno, pagetype, payload FROM dbstat ORDER BY pageno`,
  );
  db.close();
  const ranges = pages.flatMap(({ pageno, pagetype, payload }): [number, number][] => {
    const start = (pageno - 1) * size;
    if (pagetype === 'overflow') return [[start, start + 4 + payload]];
    return pageRanges(file.subarray(start, start + size), pageno === 1 ? 100 : 0, size).map(([from, to]) => [
      start + from,
      start + to,
    ]);
  });
  const used = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  return { ranges, used, live: pages.length * size };
}

function pageRanges(page: Buffer, head: number, size: number): [number, number][] {
  const type = page[head]!;
  const interior = type === 2 || type === 5;
  const cells = page.readUInt16BE(head + 3);
  const pointers = head + (interior ? 12 : 8);
  const ranges: [number, number][] = [[0, pointers + 2 * cells]];
  for (let n = 0; n < cells; n++) {
    const from = page.readUInt16BE(pointers + 2 * n);
    ranges.push([from, from + cellSize(page, from, type, size)]);
  }
  return ranges;
}

/** Types: 2 and 10 index, 5 and 13 table; the lower ones are interior pages. */
function cellSize(page: Buffer, from: number, type: number, size: number): number {
  let at = from + (type === 2 || type === 5 ? 4 : 0);
  const payload = type === 5 ? 0 : varint();
  if (type === 5 || type === 13) varint();
  if (type === 5) return at - from;
  const most = type === 13 ? size - 35 : Math.floor(((size - 12) * 64) / 255) - 23;
  const least = Math.floor(((size - 12) * 32) / 255) - 23;
  const fitting = least + ((payload - least) % (size - 4));
  const local = payload <= most ? payload : (fitting <= most ? fitting : least) + 4;
  return at - from + local;

  function varint(): number {
    let value = 0;
    for (let n = 0; n < 8; n++) {
      const byte = page[at++]!;
      value = value * 128 + (byte & 127);
      if (byte < 128) return value;
    }
    return value * 256 + page[at++]!;
  }
}
