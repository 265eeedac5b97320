import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decideStep } from '#audit-log';
import { memory } from '#memories';
import { Database, sql } from '#storage';
import { verifySlice } from '../../libs/audit-log/chain.js';
import { treeHead, treeRoot, type TreeHead } from '../../libs/audit-log/tree.js';
import { caller, openTestHouse, type TestHouse } from '../support/house.js';
import { temporaryDirectory } from '../support/server.js';

const ENTRIES = 40;
const EDITS = 1000;
const COLUMNS = ['data', 'actor', 'timestamp', 'stream', 'type', 'salt', 'leaf_hash', 'entry_hash', 'data_commitment'];

/** Numbers that look random and are the same in every run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below);
  };
}

describe('A log that somebody edited in the file', () => {
  let house: TestHouse;
  /** The head as an auditor keeps it elsewhere. */
  let kept: TreeHead;
  const copy = join(temporaryDirectory(), 'edited.db');
  const next = numbers(7);

  beforeAll(async () => {
    house = openTestHouse();
    for (let n = 0; n < ENTRIES; n++)
      await house.log.execute({
        caller: caller(),
        steps: [
          decideStep(memory, { type: 'WriteMemory', mode: 'put', namespace: 'user:a', key: `k${n}`, value: { n } }),
        ],
      });
    kept = treeHead.run(house.db, null);
    house.db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  });
  afterAll(() => house.close());

  const edits: Record<string, (db: Database) => void> = {
    change: (db) => {
      const column = COLUMNS[next(COLUMNS.length)]!;
      const at = 1 + next(ENTRIES);
      const row = db.one<{ value: string | Buffer }>({
        text: `SELECT ${column} AS value FROM audit WHERE position = ${at}`,
        params: [],
      })!;
      const bytes = Buffer.from(row.value as string);
      // Still JSON, still a number or a letter: only another one.
      const places = [...bytes.keys()].filter(
        (index) => typeof row.value !== 'string' || /[a-z0-9]/.test(String.fromCharCode(bytes[index]!)),
      );
      const place = places[next(places.length)]!;
      bytes[place] =
        typeof row.value === 'string' ? (bytes[place] === 0x31 ? 0x32 : 0x31) : bytes[place]! ^ (1 << next(8));
      const value = typeof row.value === 'string' ? bytes.toString() : bytes;
      db.run({ text: `UPDATE audit SET ${column} = ? WHERE position = ${at}`, params: [value] });
    },
    delete: (db) => db.run(sql`DELETE FROM audit WHERE position = ${1 + next(ENTRIES)}`),
    truncate: (db) => db.run(sql`DELETE FROM audit WHERE position > ${next(ENTRIES)}`),
    swap: (db) => {
      const [a, b] = [1 + next(ENTRIES / 2), 1 + ENTRIES / 2 + next(ENTRIES / 2)];
      const data = (at: number): string =>
        db.one<{ data: string }>(sql`SELECT data FROM audit WHERE position = ${at}`)!.data;
      const [first, second] = [data(a), data(b)];
      db.run(sql`UPDATE audit SET data = ${second} WHERE position = ${a}`);
      db.run(sql`UPDATE audit SET data = ${first} WHERE position = ${b}`);
    },
    insert: (db) => {
      const columns = db
        .all<{ name: string }>(sql`SELECT name FROM pragma_table_info('audit')`)
        .map(({ name }) => name);
      const values = columns.map((name) =>
        name === 'position' ? ENTRIES + 1 : name === 'stream_version' ? 99 : name === 'event_id' ? "'again'" : name,
      );
      db.exec(
        `INSERT INTO audit (${columns.join()}) SELECT ${values.join()} FROM audit WHERE position = ${1 + next(ENTRIES)}`,
      );
    },
  };

  it.each(Object.keys(edits))(
    'R-A7 is found by its chain or by a head that was kept elsewhere, whatever is done: %s',
    (kind) => {
      const unnoticed: number[] = [];
      for (let edit = 0; edit < EDITS / Object.keys(edits).length; edit++) {
        copyFileSync(house.path, copy);
        const db = Database.open({ path: copy, synchronous: 'NORMAL' });
        for (const { name } of db.all<{ name: string }>(
          sql`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'`,
        ))
          db.exec(`DROP TRIGGER ${name}`);
        db.exec('PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON');
        edits[kind]!(db);
        const { size } = treeHead.run(db, null);
        const broken = verifySlice.run(db, { from: 1, to: Math.max(size, 1) }).broken_at !== undefined;
        if (!broken && treeRoot.run(db, kept.size)?.equals(kept.root) === true) unnoticed.push(edit);
        db.close();
      }
      expect(unnoticed).toEqual([]);
    },
  );
});
