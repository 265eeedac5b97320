import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiKey } from '#access';
import { decideStep, erasedUnasked, LogReader, verifySlice, type Step } from '#audit-log';
import { memory } from '#memories';
import { catalog, checkIntegrity, eraseSubject, projectors, type ErasureInput, type ErasurePlan } from '#assembly';
import { differences, replay } from '#projections';
import { Database, migrate, readMigrations, sql } from '#storage';
import { openFullHouse } from '../support/everything.js';
import { live } from '../support/history.js';
import { caller, catchUp, MIGRATIONS, openTestHouse, type TestHouse } from '../support/house.js';
import { temporaryDirectory } from '../support/server.js';

const SUBJECTS: Omit<ErasureInput, 'reason'>[] = [
  { namespace_prefix: 'user:alice:travel' },
  { session_id: 's1' },
  { user_id: 'bob' },
  { session_id: 's2' },
  { user_id: 'alice' },
  { namespace_prefix: 'app:planner' },
  { user_id: 'élodie:x' },
  { user_id: 'agent:planner' },
  { namespace_prefix: 'project:p%1' },
];

describe('R-A1 Subjects erased from a life, one after the other, while it goes on', () => {
  let house: TestHouse;
  const backupDirectory = temporaryDirectory();
  beforeAll(async () => {
    house = await openFullHouse();
  }, 300_000);
  afterAll(() => house.close());

  const erase = async (input: Omit<ErasureInput, 'reason'>): Promise<ErasurePlan> => {
    let found: ErasurePlan | undefined;
    await eraseSubject(
      { path: house.path, backupDirectory },
      { ...input, reason: 'Request 7', include_shared: true },
      async (plan) => {
        found = plan;
        return true;
      },
    );
    return found!;
  };

  it.each(SUBJECTS.map((subject, n) => [JSON.stringify(subject), subject, n] as const))(
    '%s',
    async (_, subject, n) => {
      const others = untouched();
      const plan = await erase(subject);
      expect(plan.entries).toBeGreaterThan(0);
      await catchUp(house);
      expect(differencesFromReplay()).toEqual([]);
      const { to } = house.db.one<{ to: number }>(sql`SELECT max(position) AS "to" FROM audit`)!;
      expect(verifySlice.run(house.db, { from: 1, to })).toEqual({ checked: to });
      expect(erasedUnasked.run(house.db, { from: 1, to })).toBeNull();
      expect(house.db.all(sql`PRAGMA foreign_key_check`)).toEqual([]);
      expect(checkIntegrity(house.path, () => undefined).checks.flatMap(({ flaws }) => flaws)).toEqual([]);
      const gone = new Set(plan.ranges.flatMap(([first, last]) => span(first, last)));
      const changed = others.filter(([position, row]) => !gone.has(position) && entry(position) !== row);
      expect(changed).toEqual([]);
      // Nothing of it is left, and what is written from here on to the same addresses begins anew.
      expect((await erase(subject)).entries).toBe(0);
      await live(house.log, 100 + n, 60);
    },
    300_000,
  );

  it('leaves no text, vector or code that nobody has any more', () => {
    const unused = house.db.all(
      sql`SELECT id FROM search_texts t WHERE NOT EXISTS (SELECT 1 FROM search_entries e WHERE e.text_id = t.id)`,
    );
    expect(unused).toEqual([]);
  });

  it('names nobody in the list beside the backups', () => {
    const list = readFileSync(`${backupDirectory}/erasures.ndjson`, 'utf8');
    expect(list.trim().split('\n')).toHaveLength(SUBJECTS.length);
    expect(list).not.toMatch(/alice|bob|planner/);
  });

  const span = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, n) => first + n);

  const entry = (position: number): string =>
    JSON.stringify(house.db.one(sql`SELECT * FROM audit WHERE position = ${position}`));

  /** Every entry of the log, byte for byte. */
  const untouched = (): [number, string][] =>
    house.db
      .all<{ position: number }>(sql`SELECT position FROM audit`)
      .map(({ position }) => [position, entry(position)]);

  const differencesFromReplay = () => {
    const scratch = Database.open({ path: ':memory:' });
    migrate(scratch, readMigrations(MIGRATIONS));
    // Texts are a cache: a replay begins with those that there are.
    for (const row of house.db.all<{ id: number; text_sha256: Buffer; text: string }>(sql`SELECT * FROM search_texts`))
      scratch.run(
        sql`INSERT INTO search_texts (id, text_sha256, text) VALUES (${row.id}, ${row.text_sha256}, ${row.text})`,
      );
    replay(new LogReader(house.db, catalog), projectors, scratch);
    const tables = projectors.flatMap((projector) => projector.tables);
    const found = differences(house.db, scratch, tables);
    scratch.close();
    return found;
  };
});

describe('R-A1 Keys that speak for a user', () => {
  let house: TestHouse;
  beforeAll(() => {
    house = openTestHouse();
  });
  afterAll(() => house.close());

  it('go with the user, and with them what was done with a key of nobody else; of several users only when that is said', async () => {
    const by = (actor: string, ...steps: Step[]) => house.log.execute({ caller: caller({ actor }), steps });
    const key = (key_id: string, users: string[]): Step => {
      const bound = { role: 'service' as const, app: 'planner', users, projects: {} };
      const data = { key_id, name: key_id, ...bound, mac: 'f'.repeat(64), replaces: null, expires_at: null };
      return decideStep(apiKey, { type: 'CreateKey', ...data });
    };
    const write = (namespace: string): Step =>
      decideStep(memory, { type: 'WriteMemory', mode: 'put', namespace, key: 'k', value: { n: 1 } });
    await by('operator', key('k1', ['kim']), key('k2', ['kim', 'lee']), key('k3', ['lee']));
    await by('key:k1', write('project:p'));
    await by('key:k2', write('user:lee'));
    const file = { path: house.path, backupDirectory: temporaryDirectory() };
    const input = { user_id: 'kim', reason: 'Request 7' };
    await expect(eraseSubject(file, input, async () => true)).rejects.toMatchObject({
      code: 'shared-with-others',
      message: expect.stringContaining('key k2'),
    });
    await eraseSubject(file, { ...input, include_shared: true }, async () => true);
    expect(house.db.all(sql`SELECT key_id FROM api_keys`)).toEqual([{ key_id: 'k3' }]);
    expect(house.db.all(sql`SELECT namespace FROM memory_entries`)).toEqual([{ namespace: 'user:lee' }]);
    expect(readFileSync(house.path).includes('kim')).toBe(false);
  });
});

describe('R-A1 The one door in the log', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = await openFullHouse(100);
    house.db
      .exec(`INSERT INTO erasures (id, erasure_id, subject_kind, subject_ref, reason, requested_by, requested_at, entries, counts)
        VALUES (1, 'e', 'user', '${'0'.repeat(64)}', 'r', 'o', '2026-01-01T00:00:00.000Z', 3, '{}');
      INSERT INTO erasure_ranges (erasure, first_position, last_position, first_hash, last_hash)
        VALUES (1, 5, 7, '${'0'.repeat(16)}', '${'0'.repeat(16)}')`);
  });
  afterAll(() => house.close());

  const EMPTY = `data = NULL, salt = NULL, event_id = NULL, stream = 'erased:' || position, actor = 'erased', agent_id = NULL,
    task_id = NULL, session_id = NULL, memory_operation = NULL, memory_namespace = NULL, memory_entry_id = NULL,
    correlation_id = 'erased:' || position, causation_id = NULL`;

  it.each([
    ['an entry that no order names', `${EMPTY} WHERE position = 4`],
    ['an entry after those that are named', `${EMPTY} WHERE position = 8`],
    ['more entries than are named', `${EMPTY} WHERE position BETWEEN 5 AND 8`],
    ['the data alone', 'data = NULL WHERE position = 5'],
    ['data and salt, with the names left', 'data = NULL, salt = NULL WHERE position = 5'],
    ['another text for the content', `data = '{}' WHERE position = 5`],
    ['the type as well', `${EMPTY}, type = 'Other' WHERE position = 5`],
    ['the hash as well', `${EMPTY}, entry_hash = zeroblob(32) WHERE position = 5`],
    ['the commitment as well', `${EMPTY}, data_commitment = zeroblob(32) WHERE position = 5`],
    ['the time as well', `${EMPTY}, timestamp = '2026-01-01T00:00:00.000Z' WHERE position = 5`],
  ])('does not open for %s', (_, change) => {
    expect(() => house.db.exec(`UPDATE audit SET ${change}`)).toThrow('audit is append only');
  });

  it('never opens for removing an entry', () => {
    expect(() => house.db.exec('DELETE FROM audit WHERE position = 5')).toThrow('audit is append only');
  });

  it('opens for the content of an entry that is named', () => {
    house.db.exec(`UPDATE audit SET ${EMPTY} WHERE position BETWEEN 5 AND 7`);
    expect(verifySlice.run(house.db, { from: 1, to: 20 })).toEqual({ checked: 20 });
  });
});
