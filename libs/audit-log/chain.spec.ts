import { copyFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database, ReadSide, sql, type ReaderPool } from '#storage';
import { catalog } from '#assembly';
import { live } from '../../test/support/history.js';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { VerifyAuditLog, VerifyAuditLogHandler } from './audit.queries.js';
import { flawOf, GENESIS, seal, type Draft, type Entry } from './entry.js';
import { SqliteAuditLog } from './sqlite-audit-log.js';
import type { Verification } from './chain.js';

const APPEND_ONLY = ['audit_is_never_updated', 'audit_is_never_deleted'];

describe('R-A4 The chain of the log', () => {
  let house: TestHouse;
  let last: number;
  beforeAll(async () => {
    house = openTestHouse();
    await live(house.log, 7, 60);
    ({ position: last } = await house.log.head());
    house.db.pragma('wal_checkpoint(TRUNCATE)');
  });
  afterAll(() => house.close());

  const verify = (db: Database, range: { from?: number; to?: number } = {}): Promise<Verification> => {
    const here = {
      run: async (read: { run: (db: Database, input: unknown) => unknown }, input: unknown) => read.run(db, input),
    };
    const log = new SqliteAuditLog(db, catalog, { settle: () => Promise.reject(new Error('reads only')) });
    const handler = new VerifyAuditLogHandler(log, new ReadSide(db, here as unknown as ReaderPool));
    return handler.execute(new VerifyAuditLog(caller(), range));
  };

  let copies = 0;
  /** What verification finds after somebody with the file in his hands ran a script on it. */
  const tampered = async (script: string, range?: { from?: number; to?: number }): Promise<Verification> => {
    const path = `${house.path}.copy-${++copies}`;
    copyFileSync(house.path, path);
    const db = Database.open({ path, synchronous: 'NORMAL' });
    try {
      for (const trigger of APPEND_ONLY) db.exec(`DROP TRIGGER ${trigger}`);
      db.exec(script);
      return await verify(db, range);
    } finally {
      db.close();
    }
  };

  it('holds when nobody touched it', async () => {
    expect(await verify(house.db)).toEqual({ ok: true, checked: last, head: await house.log.head() });
  });

  it('holds for an empty log', async () => {
    const empty = openTestHouse();
    expect(await verify(empty.db)).toMatchObject({ ok: true, checked: 0, head: { position: 0 } });
    empty.close();
  });

  describe('is broken by a change of a single column', () => {
    const forgeries: Record<string, string> = {
      position: '100000',
      event_id: `'forged'`,
      stream: `'memory:forged'`,
      stream_version: 'stream_version + 1000',
      type: `'Forged'`,
      schema_version: 'schema_version + 1',
      timestamp: `'2026-01-02T03:04:05.679Z'`,
      actor: `'forger'`,
      agent_id: `'forger'`,
      task_id: `'forged'`,
      session_id: `'forged'`,
      memory_operation: `'expire'`,
      memory_namespace: `'user:forged'`,
      memory_entry_id: '100000',
      correlation_id: `'forged'`,
      causation_id: `'forged'`,
      data: `'{"forged":true}'`,
      salt: 'randomblob(32)',
      envelope_commitment: 'randomblob(32)',
      data_commitment: 'randomblob(32)',
      leaf_hash: 'randomblob(32)',
      entry_hash: 'randomblob(32)',
    };

    it('of which none is missing here', () => {
      const columns = house.db.all<{ name: string }>(sql`SELECT name FROM pragma_table_info('audit')`);
      expect(columns.map(({ name }) => name)).toEqual(Object.keys(forgeries));
    });

    it.each(Object.entries(forgeries))('%s, in the first, a middle and the last entry', async (column, value) => {
      for (const position of [1, Math.ceil(last / 2), last]) {
        const found = await tampered(`UPDATE audit SET ${column} = ${value} WHERE position = ${position}`);
        expect(found).toMatchObject({ ok: false, broken_at: position, checked: position - 1 });
      }
    });

    it.each(['event_id', 'agent_id', 'task_id', 'session_id', 'memory_namespace', 'causation_id', 'data', 'salt'])(
      '%s, which is taken away',
      async (column) => {
        const { position } = house.db.one<{ position: number }>({
          text: `SELECT max(position) AS position FROM (SELECT position FROM audit WHERE ${column} IS NOT NULL LIMIT 5)`,
          params: [],
        }) ?? { position: null };
        const holder = position ?? 1;
        // Where no entry has it, putting an empty text there is the least that can be changed.
        const value = position === null ? `''` : 'NULL';
        const found = await tampered(`UPDATE audit SET ${column} = ${value} WHERE position = ${holder}`);
        expect(found).toMatchObject({ ok: false, broken_at: holder });
      },
    );

    it('data, which says the same with another space', async () => {
      const found = await tampered(`UPDATE audit SET data = replace(data, ',"', ', "') WHERE position = 3`);
      expect(found).toMatchObject({ ok: false, broken_at: 3, reason: 'the data was changed' });
    });

    it.each(['char(0)', "char(0) || 'more'", "char(0) || zeroblob(64) || 'data' || char(10) || data"])(
      'data, with %s behind it',
      async (more) => {
        const found = await tampered(`UPDATE audit SET data = data || ${more} WHERE position IN (3, ${last})`);
        expect(found).toMatchObject({ ok: false, broken_at: 3, reason: 'the data was changed' });
      },
    );
  });

  describe('is broken where entries are not what and where they were', () => {
    it.each([1, 2, 17])('removed: entry %i', async (position) => {
      const found = await tampered(`DELETE FROM audit WHERE position = ${position}`);
      expect(found).toMatchObject({ ok: false, broken_at: position, reason: 'the entry is missing' });
    });

    it('removed, with the gap closed again', async () => {
      const found = await tampered(`DELETE FROM audit WHERE position = 5;
        UPDATE audit SET position = -(position - 1) WHERE position > 5; UPDATE audit SET position = -position WHERE position < 0`);
      expect(found).toMatchObject({ ok: false, broken_at: 5, reason: 'the header was changed' });
    });

    it.each([1, 3])('cut off its end: the last %i', async (count) => {
      const found = await tampered(`DELETE FROM audit WHERE position > ${last - count}`);
      expect(found).toMatchObject({ ok: false, broken_at: last - count + 1, reason: 'the entry is missing' });
    });

    it('cut off: all of them', async () => {
      expect(await tampered('DELETE FROM audit')).toMatchObject({ ok: false, broken_at: 1, checked: 0 });
    });

    it('swapped', async () => {
      const found = await tampered(`UPDATE audit SET position = -1 WHERE position = 6;
        UPDATE audit SET position = 6 WHERE position = 9; UPDATE audit SET position = 9 WHERE position = -1`);
      expect(found).toMatchObject({ ok: false, broken_at: 6 });
    });

    it('put in between', async () => {
      const found = await tampered(`UPDATE audit SET position = -(position + 1) WHERE position > 6;
        UPDATE audit SET position = -position WHERE position < 0; ${copyOf(6, 7)}`);
      expect(found).toMatchObject({ ok: false, broken_at: 7 });
    });

    it('put at the end', async () => {
      expect(await tampered(copyOf(6, last + 1))).toMatchObject({ ok: false, broken_at: last + 1 });
    });

    it('sealed anew with other contents: the next one does not follow', async () => {
      const [before, victim] = entries(house.db, 7, 8);
      const { data: _, ...draft } = victim!;
      const forged = seal({ ...draft, actor: 'forger', data: victim!.data! } as Draft, before!.entry_hash);
      expect(flawOf(forged, before!.entry_hash)).toBeUndefined();
      const hex = (bytes: Buffer | null): string => `x'${bytes!.toString('hex')}'`;
      const found = await tampered(`UPDATE audit SET actor = 'forger', salt = ${hex(forged.salt)},
        envelope_commitment = ${hex(forged.envelope_commitment)}, data_commitment = ${hex(forged.data_commitment)},
        leaf_hash = ${hex(forged.leaf_hash)}, entry_hash = ${hex(forged.entry_hash)} WHERE position = 8`);
      expect(found).toMatchObject({ ok: false, broken_at: 9, reason: 'it does not follow from its predecessor' });
    });

    it('taken out, and hidden in the data of the one before', async () => {
      const found = await tampered(`UPDATE audit SET data = data || char(0) || 's' ||
          (SELECT salt || envelope_commitment || data_commitment || leaf_hash || entry_hash || char(0) || data
           FROM audit WHERE position = 10) WHERE position = 9;
        DELETE FROM audit WHERE position = 10`);
      expect(found).toMatchObject({ ok: false, broken_at: 9, reason: 'the data was changed' });
    });

    it('and the first of several flaws is the one that is told', async () => {
      const found = await tampered(`UPDATE audit SET actor = 'forger' WHERE position IN (4, 11, 12)`);
      expect(found).toMatchObject({ broken_at: 4, checked: 3 });
    });
  });

  describe('holds where content was erased', () => {
    const erase = (where: string): string =>
      `UPDATE audit SET data = NULL, salt = NULL WHERE ${where};
       INSERT INTO erasures (id, erasure_id, subject_kind, subject_ref, reason, requested_by, requested_at, entries, counts)
         VALUES (1, 'e', 'user', '${'0'.repeat(64)}', 'r', 'o', '2026-01-01T00:00:00.000Z', 1, '{}');
       INSERT INTO erasure_ranges (erasure, first_position, last_position, first_hash, last_hash)
         SELECT 1, position, position, '${'0'.repeat(16)}', '${'0'.repeat(16)}' FROM audit WHERE ${where};`;

    it.each(['position = 1', 'position = 10', 'position % 3 = 0', '1'])('%s', async (where) => {
      expect(await tampered(erase(where))).toMatchObject({ ok: true, checked: last });
    });

    it.each(['type', 'timestamp', 'schema_version', 'stream_version', 'entry_hash'])(
      'and yet tells a changed %s of an erased entry',
      async (column) => {
        const value = ['type', 'timestamp'].includes(column)
          ? `'forged'`
          : column === 'entry_hash'
            ? 'zeroblob(32)'
            : 77;
        const found = await tampered(
          `${erase('position = 10')} UPDATE audit SET ${column} = ${value} WHERE position = 10`,
        );
        expect(found).toMatchObject({ ok: false, broken_at: 10 });
      },
    );

    it('but not where no erasure names what was emptied', async () => {
      expect(await tampered('UPDATE audit SET data = NULL, salt = NULL WHERE position = 10')).toMatchObject({
        ok: false,
        broken_at: 10,
        reason: expect.stringContaining('no erasure in the log names it'),
      });
    });

    it.each(['data', 'salt'])('but not where only its %s is gone', async (column) => {
      const found = await tampered(`UPDATE audit SET ${column} = NULL WHERE position = 10`);
      expect(found).toMatchObject({ broken_at: 10, reason: 'content and salt do not belong together' });
    });
  });

  describe('verified in part', () => {
    it('is checked from where to where one asks', async () => {
      expect(await verify(house.db, { from: 5, to: 9 })).toMatchObject({ ok: true, checked: 5 });
      expect(await verify(house.db, { from: last })).toMatchObject({ ok: true, checked: 1 });
    });

    it('tells of flaws in that part only', async () => {
      const script = `UPDATE audit SET actor = 'forger' WHERE position = 8`;
      expect(await tampered(script, { from: 5, to: 7 })).toMatchObject({ ok: true, checked: 3 });
      expect(await tampered(script, { from: 9 })).toMatchObject({ ok: true });
      expect(await tampered(script, { from: 8, to: 8 })).toMatchObject({ ok: false, broken_at: 8 });
    });

    it('tells that the entry before it is missing', async () => {
      const found = await tampered('DELETE FROM audit WHERE position = 8', { from: 9 });
      expect(found).toMatchObject({ ok: false, broken_at: 8 });
    });

    it('misses what is asked for beyond the end', async () => {
      expect(await verify(house.db, { to: last + 1 })).toMatchObject({ ok: false, broken_at: last + 1 });
    });
  });

  it('is verified slice by slice when it is long: nothing between two slices is overlooked', async () => {
    const long = openTestHouse();
    const event = { stream: 'session:long', type: 'SessionDeleted', data: { session_id: 'long' } };
    for (let n = 0; n < 21; n++) {
      const events = Array.from({ length: 500 }, (_, m) => ({ ...event, stream: `session:${n}-${m}` }));
      const proposer = { actor: 'tester', correlation_id: 'long' };
      await long.log.commit({ id: `${n}`, conditions: [], events, proposer, time: '2026-01-02T03:04:05.678Z' });
    }
    expect(await verify(long.db)).toMatchObject({ ok: true, checked: 10_500 });
    long.db.exec('DROP TRIGGER audit_is_never_updated; DROP TRIGGER audit_is_never_deleted');
    for (const position of [10_001, 10_000]) {
      long.db.exec(`UPDATE audit SET actor = 'forger' WHERE position = ${position}`);
      expect(await verify(long.db)).toMatchObject({ ok: false, broken_at: position, checked: position - 1 });
    }
    long.db.exec('DELETE FROM audit WHERE position = 10000');
    expect(await verify(long.db)).toMatchObject({ broken_at: 10_000, reason: 'the entry is missing' });
    long.close();
  });

  describe('R-A1 is append only', () => {
    it.each([
      ['an update', `UPDATE audit SET actor = 'forger' WHERE position = 3`],
      ['an update that changes nothing', 'UPDATE audit SET actor = actor'],
      ['a deletion', 'DELETE FROM audit WHERE position = 3'],
      ['a deletion of everything', 'DELETE FROM audit'],
      ['a replacement by position', copyOf(4, 3).replace('INSERT', 'INSERT OR REPLACE')],
      ['a replacement by stream and version', copyOf(4, 100_000, false).replace('INSERT', 'INSERT OR REPLACE')],
      ['an upsert', `${copyOf(4, 3)} ON CONFLICT (position) DO UPDATE SET actor = 'forger'`],
    ])('refusing %s', async (_, script) => {
      const before = entries(house.db, 1, last);
      expect(() => house.db.exec(script)).toThrow('audit is append only');
      expect(entries(house.db, 1, last + 1)).toEqual(before);
    });
  });
});

describe('An entry', () => {
  const draft: Draft = {
    position: 1,
    event_id: null,
    stream: 'memory:user%3Aalice:coffee',
    stream_version: 1,
    type: 'MemoryWritten',
    schema_version: 2,
    timestamp: '2026-01-02T03:04:05.678Z',
    actor: 'user',
    agent_id: null,
    task_id: null,
    session_id: null,
    memory_operation: 'create',
    memory_namespace: 'user:alice',
    memory_entry_id: 1,
    correlation_id: 'c1',
    causation_id: null,
    data: '{"fact":"black"}',
  };

  it('is as it was sealed', () => {
    expect(flawOf(seal(draft, GENESIS), GENESIS)).toBeUndefined();
  });

  it('is sealed with another salt each time, so that equal contents do not show', () => {
    const sealed = Array.from({ length: 600 }, () => seal(draft, GENESIS));
    for (const part of ['salt', 'data_commitment', 'envelope_commitment', 'leaf_hash', 'entry_hash'] as const) {
      expect(new Set(sealed.map((entry) => entry[part]!.toString('hex'))).size).toBe(600);
    }
  });

  it('does not follow from another predecessor', () => {
    expect(flawOf(seal(draft, GENESIS), Buffer.alloc(32, 1))).toBe('it does not follow from its predecessor');
  });

  it('holds names and contents only as commitments: its hash needs neither', () => {
    const sealed = seal(draft, GENESIS);
    const erased: Entry = {
      ...sealed,
      data: null,
      salt: null,
      stream: 'erased',
      actor: 'erased',
      memory_namespace: null,
    };
    expect(flawOf(erased, GENESIS)).toBeUndefined();
  });
});

const entries = (db: Database, from: number, to: number): Entry[] =>
  db.all(sql`SELECT * FROM audit WHERE position BETWEEN ${from} AND ${to} ORDER BY position`);

/** An entry once more, at another position; as another version of its stream, where that is to be no obstacle. */
function copyOf(position: number, at: number, free = true): string {
  const version = free ? 'stream_version + 1000' : 'stream_version';
  return `INSERT INTO audit SELECT ${at}, NULL, stream, ${version}, type, schema_version, timestamp, actor, agent_id,
    task_id, session_id, memory_operation, memory_namespace, memory_entry_id, correlation_id, causation_id, data, salt,
    envelope_commitment, data_commitment, leaf_hash, entry_hash FROM audit WHERE position = ${position}`;
}
