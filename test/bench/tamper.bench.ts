import { copyFileSync, rmSync, truncateSync, statSync } from 'node:fs';
import { checkIntegrity, type CheckName } from '#assembly';
import { Database, sql } from '#storage';
import { openFullHouse } from '../support/everything.js';
import { chooser } from '../support/history.js';
import type { Figure } from './report.js';

const EDITS = Number(process.env['BENCH_EDITS'] ?? 1_000);

type Choose = ReturnType<typeof chooser>;
/** One thing that somebody with the file in hand does to the log; the SQL of it, or how much is cut off the file. */
type Edit = (choose: Choose, last: number, columns: Column[]) => string;
interface Column {
  name: string;
  type: string;
}

const at = (choose: Choose, last: number): number => 1 + choose.below(last);

/** Another value than the one that is there, as small a change as there is. */
function other({ name, type }: Column, choose: Choose): string {
  if (type === 'BLOB') return `CAST(coalesce(${name}, x'') || x'00' AS BLOB)`;
  if (type === 'INTEGER') return `coalesce(${name}, 0) + ${1 + choose.below(1_000_000)}`;
  return `coalesce(${name}, '') || '${'aZ0 .'[choose.below(5)]}'`;
}

const EDIT: Record<string, Edit> = {
  changed: (choose, last, columns) => {
    const column = columns[choose.below(columns.length)]!;
    const position = at(choose, last);
    return `UPDATE audit SET ${column.name} = ${other(column, choose)} WHERE position = ${position}`;
  },
  deleted: (choose, last) => `DELETE FROM audit WHERE position = ${at(choose, last)}`,
  inserted: (choose, last, columns) => {
    const names = columns.filter(({ name }) => name !== 'position').map(({ name }) => name);
    const values = names.map((name) => (name === 'event_id' ? `'forged'` : name === 'stream_version' ? '1e6' : name));
    const [to, from] = [choose.below(2) === 0 ? last + 1 : at(choose, last), at(choose, last)];
    return `UPDATE audit SET position = -(position + 1) WHERE position >= ${to};
      UPDATE audit SET position = -position WHERE position < 0;
      INSERT INTO audit (position, ${names.join()}) SELECT ${to}, ${values.join()} FROM audit
        WHERE position = ${from >= to ? from + 1 : from}`;
  },
  swapped: (choose, last) => {
    const one = at(choose, last);
    const two = 1 + ((one + choose.below(last - 1)) % last);
    return `UPDATE audit SET position = -1 WHERE position = ${one}; UPDATE audit SET position = ${one}
      WHERE position = ${two}; UPDATE audit SET position = ${two} WHERE position = -1`;
  },
  'cut off': (choose, last) => `DELETE FROM audit WHERE position > ${last - 1 - choose.below(20)}`,
};

/** A thousand copies of a database, one thing done to the log of each: how many are noticed, and by what. */
export async function tamper(): Promise<Figure[]> {
  const house = await openFullHouse(200);
  const copy = `${house.path}-tampered`;
  try {
    const choose = chooser(Number(process.env['BENCH_SEED'] ?? 1));
    const { last } = house.db.one<{ last: number }>(sql`SELECT max(position) AS last FROM audit`)!;
    const columns = house.db.all<Column>(sql`SELECT name, type FROM pragma_table_info('audit')`);
    const kinds = [...Object.keys(EDIT), 'file cut off'];
    const tally = Object.fromEntries(kinds.map((kind) => [kind, { done: 0, found: 0, chain: 0 }]));
    for (let n = 0; n < EDITS; n++) {
      const kind = kinds[n % kinds.length]!;
      copyFileSync(house.path, copy);
      const script = EDIT[kind]?.(choose, last, columns);
      if (script === undefined) truncateSync(copy, choose.below(statSync(copy).size));
      else edit(copy, script);
      const found = foundBy(copy);
      const counted = tally[kind]!;
      counted.done += 1;
      if (found.length > 0) counted.found += 1;
      else console.log(`not found: ${script ?? 'file cut off'}`);
      if (found.includes('chain')) counted.chain += 1;
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
    }
    return Object.entries(tally).map(([kind, { done, found, chain }]) => ({
      what: `entries ${kind}`.replace('entries file', 'the file'),
      measured: `${found} of ${done} found`,
      target: `all; ${chain} by the chain`,
      ok: found === done,
    }));
  } finally {
    house.close();
  }
}

function edit(path: string, script: string): void {
  const db = Database.open({ path, synchronous: 'NORMAL' });
  try {
    db.exec('PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON');
    const guards = db.all<{ name: string; text: string }>(
      sql`SELECT name, sql AS text FROM sqlite_schema WHERE type = 'trigger'`,
    );
    for (const { name } of guards) db.exec(`DROP TRIGGER ${name}`);
    db.exec(script);
    for (const { text } of guards) db.exec(text);
  } finally {
    db.close();
  }
}

function foundBy(path: string): (CheckName | 'open')[] {
  try {
    return checkIntegrity(path, () => undefined)
      .checks.filter(({ ok }) => !ok)
      .map(({ name }) => name);
  } catch {
    // A file that cannot even be opened is noticed by everybody.
    return ['open'];
  }
}
