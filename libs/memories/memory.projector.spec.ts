import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { project } from '#projections';
import { Database, migrate, readMigrations, sql } from '#storage';
import { NOW, recorded } from '../../test/support/given.js';
import { MIGRATIONS } from '../../test/support/house.js';
import type { MemoryEvent, MemoryWritten } from './memory.events.js';
import { memoriesProjector } from './memory.projector.js';

const address = { namespace: 'user:alice', key: 'coffee' };

const written = (version: number, data: Partial<MemoryWritten['data']> = {}, actor?: string): MemoryEvent => ({
  type: 'MemoryWritten',
  actor,
  data: {
    ...address,
    version,
    memory_type: 'semantic',
    value: { version },
    metadata: {},
    operation: 'create',
    ttl_seconds: null,
    expires_at: null,
    task_id: null,
    session_id: null,
    ...data,
  },
});
const deleted = (version: number): MemoryEvent => ({ type: 'MemoryDeleted', data: { ...address, version } });
const expired = (version: number): MemoryEvent => ({
  type: 'MemoryExpired',
  data: { ...address, version, reason: 'ttl' },
});
const restored = (version: number): MemoryEvent => ({ type: 'MemoryRestored', data: { ...address, version } });

describe('The projection of memories', () => {
  let db: Database;
  beforeEach(() => {
    db = Database.open({ path: ':memory:' });
    migrate(db, readMigrations(MIGRATIONS));
  });
  afterEach(() => db.close());

  const given = (...events: (MemoryEvent | { type: 'SessionDeleted'; data: { session_id: string } })[]): void => {
    const log = events.map((event, index) => recorded(event, index + 1));
    for (const statement of project(memoriesProjector, log)) db.run(statement);
  };
  const rows = (): unknown[] =>
    db.all(sql`SELECT id, version, is_deleted, replaced_at, created_by, updated_by FROM memory_entries ORDER BY id`);
  const deletions = (): unknown[] => db.all(sql`SELECT id, restored_at FROM memory_deletions ORDER BY id`);

  it('R-M2 has a row for a new memory, named by the position of its event', () => {
    const published_from = { namespace: 'session:s1', key: 'coffee', version: 4 };
    given(written(1, { value: { b: 1, a: 2 }, metadata: { z: 1 }, expires_at: NOW, task_id: 't1', published_from }));
    expect(db.one(sql`SELECT * FROM memory_entries`)).toEqual({
      id: 1,
      ...address,
      version: 1,
      memory_type: 'semantic',
      value: '{"a":2,"b":1}',
      metadata: '{"z":1}',
      is_deleted: 0,
      created_by: 'tester',
      updated_by: 'tester',
      created_at: NOW,
      updated_at: NOW,
      expires_at: NOW,
      task_id: 't1',
      session_id: null,
      published_from: '{"key":"coffee","namespace":"session:s1","version":4}',
      consolidated_into: null,
      requires_review: 0,
      is_archived: 0,
      is_quarantined: 0,
      consolidated_from: null,
      seen_version: null,
      replaced_at: null,
    });
  });

  it('R-M3 keeps every version, and who made the first', () => {
    given(written(1, {}, 'agent:one'), written(2, {}, 'agent:two'), written(3, {}, 'agent:three'));
    expect(rows()).toEqual([
      { id: 1, version: 1, is_deleted: 0, replaced_at: 2, created_by: 'agent:one', updated_by: 'agent:one' },
      { id: 2, version: 2, is_deleted: 0, replaced_at: 3, created_by: 'agent:one', updated_by: 'agent:two' },
      { id: 3, version: 3, is_deleted: 0, replaced_at: null, created_by: 'agent:one', updated_by: 'agent:three' },
    ]);
  });

  it('R-M4 marks what is deleted, and remembers since when', () => {
    given(written(1), deleted(1));
    expect(rows()).toMatchObject([{ version: 1, is_deleted: 1 }]);
    expect(deletions()).toEqual([{ id: 2, restored_at: null }]);
  });

  it('R-M10 marks what has faded like what is deleted, until another version comes', () => {
    given(written(1), expired(1), written(2));
    expect(rows()).toMatchObject([{ version: 1, is_deleted: 1, replaced_at: 3 }, { version: 2 }]);
    expect(deletions()).toEqual([{ id: 2, restored_at: 3 }]);
  });

  it('R-M4 takes a deletion back, and remembers until when it held', () => {
    given(written(1), deleted(1), restored(1));
    expect(rows()).toMatchObject([{ version: 1, is_deleted: 0 }]);
    expect(deletions()).toEqual([{ id: 2, restored_at: 3 }]);
  });

  it('R-M4 ends a deletion with the version that comes after it', () => {
    given(written(1), deleted(1), written(2));
    expect(rows()).toMatchObject([
      { version: 1, is_deleted: 1, replaced_at: 3 },
      { version: 2, is_deleted: 0, replaced_at: null },
    ]);
    expect(deletions()).toEqual([{ id: 2, restored_at: 3 }]);
  });

  it('R-SE1 lets go of a session that is deleted', () => {
    db.run(
      sql`INSERT INTO sessions (id, session_id, app_name, user_id, status, metadata, created_at, last_update_time,
            event_count, version, position) VALUES (9, 's1', 'a', 'u', 'created', '{}', ${NOW}, ${NOW}, 0, 1, 9)`,
    );
    given(written(1, { session_id: 's1' }), { type: 'SessionDeleted', data: { session_id: 's1' } });
    expect(db.all(sql`SELECT session_id FROM memory_entries`)).toEqual([{ session_id: null }]);
  });

  it('R-S6 refuses two rows for one version', () => {
    expect(() => given(written(1), written(1))).toThrow(/UNIQUE constraint/);
  });

  it('R-S6 refuses a type that is none', () => {
    expect(() => given(written(1, { memory_type: 'vague' as 'semantic' }))).toThrow(/CHECK constraint/);
  });

  const into = { namespace: 'user:alice', key: 'drinks', version: 1 };
  const marks = () => db.all(sql`SELECT id, entry_id, mark, into_id, ended_at FROM memory_marks ORDER BY id`);
  const standing = () =>
    db.all(sql`SELECT version, consolidated_into, is_archived, requires_review FROM memory_entries
               WHERE key = ${address.key} ORDER BY version`);

  it('R-M11 points from what was superseded to what it went into, until it is restored', () => {
    given(written(1, into), written(1), { type: 'MemorySuperseded', data: { ...address, version: 1, into } });
    expect(standing()).toEqual([{ version: 1, consolidated_into: 1, is_archived: 0, requires_review: 0 }]);
    expect(marks()).toEqual([{ id: 3, entry_id: 2, mark: 'superseded', into_id: 1, ended_at: null }]);
  });

  it('R-M11 remembers until when something was set aside', () => {
    given(
      written(1, into),
      written(1),
      { type: 'MemorySuperseded', data: { ...address, version: 1, into } },
      restored(1),
      { type: 'MemoryArchived', data: { ...address, version: 1 } },
      restored(1),
    );
    expect(standing()).toEqual([{ version: 1, consolidated_into: null, is_archived: 0, requires_review: 0 }]);
    expect(marks()).toEqual([
      { id: 3, entry_id: 2, mark: 'superseded', into_id: 1, ended_at: 4 },
      { id: 5, entry_id: 2, mark: 'archived', into_id: null, ended_at: 6 },
    ]);
  });

  it('R-M11 asks for review once for all conflicts of a version, until the last was looked at', () => {
    const flag = (type: 'MemoryFlagged', conflict_id: string) => ({
      type,
      data: { ...address, version: 1, conflict_id },
    });
    const looked = (conflict_id: string, flags_left: number) => ({
      type: 'MemoryReviewed' as const,
      data: { ...address, version: 1, conflict_id, flags_left },
    });
    given(written(1), flag('MemoryFlagged', 'a'), flag('MemoryFlagged', 'b'), looked('a', 1));
    expect(standing()).toMatchObject([{ requires_review: 1 }]);
    expect(marks()).toMatchObject([{ id: 2, mark: 'review', ended_at: null }]);
  });

  it('R-M11 asks for no review of what was written over', () => {
    given(written(1), { type: 'MemoryFlagged', data: { ...address, version: 1, conflict_id: 'a' } }, written(2));
    expect(standing()).toMatchObject([
      { version: 1, requires_review: 0 },
      { version: 2, requires_review: 0 },
    ]);
    expect(marks()).toMatchObject([{ id: 2, mark: 'review', ended_at: 3 }]);
  });
});
