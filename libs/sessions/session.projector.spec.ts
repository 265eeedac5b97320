import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { project } from '#projections';
import { Database, migrate, readMigrations, sql } from '#storage';
import { NOW, recorded } from '../../test/support/given.js';
import { MIGRATIONS } from '../../test/support/house.js';
import type { SessionCreated, SessionEvent, SessionEventAppended, SessionStatus } from './session.events.js';
import { sessionsProjector } from './session.projector.js';

const session_id = 's1';
const owners = { user: 'user:app:alice', app: 'app:app' };

const created = (data: Partial<SessionCreated['data']> = {}): SessionEvent => ({
  type: 'SessionCreated',
  data: { session_id, app_name: 'app', user_id: 'alice', project_id: null, metadata: {}, state: {}, owners, ...data },
});
const appended = (data: Partial<SessionEventAppended['data']> = {}): SessionEvent => ({
  type: 'SessionEventAppended',
  data: { session_id, event_type: 'message', timestamp: NOW, content: {}, owners, is_final_response: false, ...data },
});
const changed = (from: SessionStatus, to: SessionStatus): SessionEvent => ({
  type: 'SessionStatusChanged',
  data: { session_id, from, to },
});
const stateSet = (state_delta: { [key: string]: never | number | string | null }): SessionEvent => ({
  type: 'SessionStateSet',
  data: { session_id, state_delta, owners },
});

describe('The projection of sessions', () => {
  let db: Database;
  beforeEach(() => {
    db = Database.open({ path: ':memory:' });
    migrate(db, readMigrations(MIGRATIONS));
  });
  afterEach(() => db.close());

  /** Projects events at positions 1, 2, 3 … of one stream. */
  const given = (...events: SessionEvent[]): void => {
    const log = events.map((event, index) => recorded(event, index + 1));
    for (const statement of project(sessionsProjector, log)) db.run(statement);
  };
  const row = (): Record<string, unknown> | undefined => db.one(sql`SELECT * FROM sessions WHERE session_id = 's1'`);
  const state = (): unknown[] =>
    db.all(sql`SELECT scope, owner, key, value, from_position, to_position FROM scoped_state ORDER BY id`);

  it('R-SE1 has a row for a new session', () => {
    given(created({ metadata: { b: 1, a: 2 }, project_id: 'apollo', forked_from: { session_id: 's0', version: 3 } }));
    expect(row()).toEqual({
      id: 1,
      session_id,
      app_name: 'app',
      user_id: 'alice',
      project_id: 'apollo',
      status: 'created',
      metadata: '{"a":2,"b":1}',
      forked_from: '{"session_id":"s0","version":3}',
      created_at: NOW,
      last_update_time: NOW,
      terminated_at: null,
      archived_at: null,
      event_count: 0,
      version: 1,
      position: 1,
    });
  });

  it('R-SE2 makes a session active with its first event, and counts its events', () => {
    given(created(), appended(), appended());
    expect(row()).toMatchObject({ status: 'active', event_count: 2, version: 3, position: 3 });
  });

  it('R-SE2 leaves a paused session paused when an event comes', () => {
    given(created(), appended(), changed('active', 'paused'), appended());
    expect(row()).toMatchObject({ status: 'paused', event_count: 2, version: 4 });
  });

  it('R-SE2 remembers when a session was terminated and archived', () => {
    given(created(), appended(), changed('active', 'terminated'), changed('terminated', 'archived'));
    expect(row()).toMatchObject({ status: 'archived', terminated_at: NOW, archived_at: NOW, version: 4, position: 4 });
  });

  it('R-SE5 keeps each value under its scope and owner, with the positions between which it held', () => {
    given(
      created({ state: { a: 1 } }),
      appended({ state_delta: { a: null, 'user:a': 'x' } }),
      stateSet({ 'app:a': 'y' }),
      stateSet({ a: 3 }),
    );
    const own = { scope: 'session', owner: 'session:s1', key: 'a' };
    expect(state()).toEqual([
      { ...own, value: '1', from_position: 1, to_position: 2 },
      { ...own, value: 'null', from_position: 2, to_position: 4 },
      { scope: 'user', owner: owners.user, key: 'user:a', value: '"x"', from_position: 2, to_position: null },
      { scope: 'app', owner: owners.app, key: 'app:a', value: '"y"', from_position: 3, to_position: null },
      { ...own, value: '3', from_position: 4, to_position: null },
    ]);
  });

  it.each([
    ['terminated', changed('active', 'terminated')],
    ['deleted', { type: 'SessionDeleted', data: { session_id } } as SessionEvent],
  ])("R-SE5 ends a session's own state when it is %s, and leaves what is shared", (_, end) => {
    given(created({ state: { a: 1, 'session:b': 2, 'user:c': 3 } }), appended(), end);
    const current = db.all(sql`SELECT key FROM scoped_state WHERE to_position IS NULL`);
    expect(current).toEqual([{ key: 'user:c' }]);
    expect(db.one(sql`SELECT to_position FROM scoped_state WHERE key = 'session:b'`)).toEqual({ to_position: 3 });
  });

  it('R-SE9 counts the copied events of a fork without applying their deltas', () => {
    given(created({ state: { a: 2 } }), appended({ state_delta: { a: 1, 'user:b': 1 }, copied: true }));
    expect(row()).toMatchObject({ event_count: 1, status: 'active' });
    expect(state()).toHaveLength(1);
  });

  it('R-SE1 has no row for a deleted session', () => {
    given(created(), { type: 'SessionDeleted', data: { session_id } });
    expect(row()).toBeUndefined();
  });

  it('R-S6 refuses a status that is none', () => {
    expect(() => given(created(), changed('created', 'asleep' as SessionStatus))).toThrow(/CHECK constraint/);
  });
});
