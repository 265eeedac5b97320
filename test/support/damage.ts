import { Database } from '#storage';

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
