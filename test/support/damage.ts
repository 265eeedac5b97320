import { readFileSync, writeFileSync } from 'node:fs';
import { Database, sql } from '#storage';

/** Changes a file as only somebody with a database shell could, past all rules of the program. */
export function damage(path: string, script: string): void {
  const db = Database.open({ path, synchronous: 'NORMAL' });
  try {
    db.exec(`PRAGMA foreign_keys = OFF; ${script}`);
  } finally {
    db.close();
  }
}

/** Lines of memories for `POST /v1/memories/import`. */
export const memoryLines = (count: number): string =>
  Array.from(
    { length: count },
    (_, n) =>
      `${JSON.stringify({ namespace: `user:u${n % 50}`, key: `k${n}`, value: { text: `word ${n} and tea` } })}\n`,
  ).join('');

export async function importMemories(url: string, count: number): Promise<void> {
  const answer = await fetch(`${url}/v1/memories/import`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: memoryLines(count),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

/** The first leaf of a table or an index in a file that nobody has open, and where it begins. */
function leafOf(path: string, name: string, read: (page: Buffer) => boolean): { file: Buffer; page: Buffer } {
  const db = Database.open({ path, readonly: true });
  const pages = db.all<{ pageno: number; pgsize: number }>(
    sql`SELECT pageno, pgsize FROM dbstat WHERE name = ${name} AND pagetype = 'leaf' ORDER BY pageno`,
  );
  db.close();
  const file = readFileSync(path);
  for (const { pageno, pgsize } of pages) {
    const page = file.subarray((pageno - 1) * pgsize, pageno * pgsize);
    if (read(page)) return { file, page };
  }
  throw new Error(`${name} has no such page`);
}

/** Flips one bit of a text where an index keeps it. */
export function flipInIndex(path: string, index: string, text: string): void {
  const { file, page } = leafOf(path, index, (candidate) => candidate.includes(text));
  page[page.lastIndexOf(text)]! ^= 1;
  writeFileSync(path, file);
}

/** Makes a page of a table unreadable. */
export function ruinPage(path: string, table: string): void {
  const { file, page } = leafOf(path, table, () => true);
  page.fill(0x55, 0, 512);
  writeFileSync(path, file);
}

/** Changes an entry of the log, whose triggers refuse that, so that nothing else shows it. */
export function forgeEntry(path: string, position: number, change: string): void {
  const db = Database.open({ path, synchronous: 'NORMAL' });
  const triggers = db.all<{ name: string; sql: string }>(
    sql`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'`,
  );
  db.transaction(() => {
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
    db.exec(`UPDATE audit SET ${change} WHERE position = ${position}`);
    for (const trigger of triggers) db.exec(trigger.sql);
  });
  db.close();
}
