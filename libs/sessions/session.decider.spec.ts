import { describe, expect, it } from '@jest/globals';
import { specify } from '../../test/support/given.js';
import { session, sessionOf, sessionStream, type NewSessionEvent, type SessionCommand } from './session.decider.js';
import { SESSION_STATUSES, type SessionEvent, type SessionStatus, type StateDelta } from './session.events.js';

const session_id = 's1';
const TIME = '2026-01-02T03:00:00.000Z';
const owners = { user: 'user:app:alice', app: 'app:app', project: 'project:apollo' };

const create = (overrides: object = {}): SessionCommand => ({
  type: 'CreateSession',
  session_id,
  app_name: 'app',
  user_id: 'alice',
  project_id: 'apollo',
  metadata: {},
  state: {},
  ...overrides,
});

const said = (overrides: Partial<NewSessionEvent> = {}): NewSessionEvent => ({
  timestamp: TIME,
  event_type: 'message',
  actor: 'user',
  content: { text: 'hello' },
  is_final_response: false,
  ...overrides,
});

const append = (...events: NewSessionEvent[]): SessionCommand => ({ type: 'AppendEvents', session_id, events });
const become = (status: SessionStatus): SessionCommand => ({ type: 'ChangeStatus', session_id, status });
const set = (key: string, value: StateDelta[string]): SessionCommand => ({ type: 'SetState', session_id, key, value });
const remove: SessionCommand = { type: 'DeleteSession', session_id };

const created = (project_id: string | null = 'apollo'): SessionEvent => ({
  type: 'SessionCreated',
  data: { session_id, app_name: 'app', user_id: 'alice', project_id, metadata: {}, state: {}, owners: {} },
});
const appended = (id?: string): SessionEvent => ({
  type: 'SessionEventAppended',
  id,
  data: { session_id, event_type: 'message', timestamp: TIME, content: {}, owners: {}, is_final_response: false },
});
const changed = (from: SessionStatus, to: SessionStatus): SessionEvent => ({
  type: 'SessionStatusChanged',
  data: { session_id, from, to },
});
const deleted: SessionEvent = { type: 'SessionDeleted', data: { session_id } };

/** What leads to a session of each status. */
const PAST: Record<SessionStatus, SessionEvent[]> = {
  created: [created()],
  active: [created(), appended()],
  paused: [created(), appended(), changed('active', 'paused')],
  terminated: [created(), appended(), changed('active', 'terminated')],
  archived: [created(), appended(), changed('active', 'terminated'), changed('terminated', 'archived')],
};

describe('A session', () => {
  const { given } = specify(session);

  it('R-SE1 begins with what its client says', () => {
    given()
      .when(create({ metadata: { channel: 'web' } }))
      .then({
        type: 'SessionCreated',
        data: { session_id, app_name: 'app', user_id: 'alice', project_id: 'apollo', metadata: { channel: 'web' } },
        about: { session_id },
      });
  });

  it('R-SE8 cannot be created where one is', () => {
    given(created()).when(create()).thenFails('conflict', 'session-exists');
    given(created())
      .when(create({ user_id: 'bob' }))
      .thenFails('conflict', 'session-exists');
  });

  it('R-SE8 cannot be created again under an id whose history is kept', () => {
    given(created(), deleted).when(create()).thenFails('conflict', 'session-exists');
  });

  it('R-SE5 keeps its initial state without what is temporary, and names only the owners that it needs', () => {
    given()
      .when(create({ state: { 'temp:a': 1, b: 2, 'session:c': 3, 'user:d': 4 } }))
      .then({ data: { state: { b: 2, 'session:c': 3, 'user:d': 4 }, owners: { user: owners.user } } });
    const [event] = session.decide(
      create({ state: { 'temp:a': 1, b: 2 } }) as never,
      { held: false, deleted: false },
      { time: TIME, actor: 'tester', version: 0, seen: new Set() },
    );
    expect(Object.keys((event!.data as { state: object }).state)).toEqual(['b']);
    expect((event!.data as { owners: object }).owners).toEqual({});
  });

  it('R-SE5 needs a project for what is shared in one', () => {
    given()
      .when(create({ project_id: null, state: { 'project:goal': 'moon' } }))
      .thenFails('invalid', 'invalid-request');
    given(created(null))
      .when(append(said({ state_delta: { 'project:goal': 'moon' } })))
      .thenFails('invalid', 'invalid-request');
    given(created(null)).when(set('project:goal', 'moon')).thenFails('invalid', 'invalid-request');
    given(created())
      .when(set('project:goal', 'moon'))
      .then({ data: { owners: { project: owners.project } } });
  });

  it('R-SE3 takes an event as its client gives it, under the name of its actor', () => {
    given(created())
      .when(append(said({ event_id: 'e1', actor: 'agent:a1', is_final_response: true, state_delta: { mood: 'good' } })))
      .then({
        type: 'SessionEventAppended',
        id: 'e1',
        actor: 'agent:a1',
        data: {
          session_id,
          event_type: 'message',
          timestamp: TIME,
          content: { text: 'hello' },
          state_delta: { mood: 'good' },
          is_final_response: true,
          owners: {},
        },
        about: { session_id },
      });
  });

  it('R-SE3 takes several events in their order', () => {
    given(created())
      .when(append(said({ content: { n: 1 } }), said({ content: { n: 2 } })))
      .then({ data: { content: { n: 1 } } }, { data: { content: { n: 2 } } });
  });

  it('R-SE5 does not keep temporary keys inside the stored event', () => {
    const [event] = session.decide(
      append(said({ state_delta: { 'temp:step': 1, step: 2 } })) as never,
      { held: true, status: 'active', owners },
      { time: TIME, actor: 'tester', version: 1, seen: new Set() },
    );
    expect(Object.entries((event!.data as { state_delta: object }).state_delta)).toEqual([['step', 2]]);
  });

  it('R-SE4 takes the same event once', () => {
    const twice = append(said({ event_id: 'e1' }));
    expect(given(created()).when(twice).again()).toEqual([]);
    given(created())
      .when(append(said({ event_id: 'e1' }), said({ event_id: 'e1' })))
      .then({ id: 'e1' });
    given(created(), appended('e1'))
      .when(append(said({ event_id: 'e1' }), said({ event_id: 'e2' })), { seen: new Set(['e1']) })
      .then({ id: 'e2' });
  });

  it('R-SE4 answers a repetition even when it has ended, and takes nothing new then', () => {
    const repeat = append(said({ event_id: 'e1' }));
    given(...PAST.terminated)
      .when(repeat, { seen: new Set(['e1']) })
      .thenNothing();
    given(...PAST.terminated)
      .when(repeat)
      .thenFails('conflict', 'session-terminated');
  });

  it('R-SE4 takes two events without an id as two', () => {
    given(created())
      .when(append(said(), said()))
      .then({ type: 'SessionEventAppended' }, { type: 'SessionEventAppended' });
    expect(given(created()).when(append(said())).again()).toHaveLength(1);
  });

  it.each(['terminated', 'archived'] as const)('R-SE2 takes neither events nor state once it is %s', (status) => {
    given(...PAST[status])
      .when(append(said()))
      .thenFails('conflict', `session-${status}`);
    given(...PAST[status])
      .when(set('a', 1))
      .thenFails('conflict', `session-${status}`);
  });

  const allowed: [SessionStatus, SessionStatus][] = [
    ['created', 'active'],
    ['active', 'paused'],
    ['active', 'terminated'],
    ['paused', 'active'],
    ['paused', 'terminated'],
    ['terminated', 'archived'],
  ];
  const every = SESSION_STATUSES.flatMap((from) => SESSION_STATUSES.map((to) => [from, to] as const));

  it.each(allowed)('R-SE2 goes from %s to %s', (from, to) => {
    given(...PAST[from])
      .when(become(to))
      .then({ type: 'SessionStatusChanged', data: { session_id, from, to } });
  });

  it.each(every.filter(([from, to]) => from !== to && !allowed.some(([a, b]) => a === from && b === to)))(
    'R-SE2 cannot jump from %s to %s',
    (from, to) => {
      given(...PAST[from])
        .when(become(to))
        .thenFails('conflict', 'illegal-transition');
    },
  );

  it.each(SESSION_STATUSES)('R-SE2 that is %s stays so without an event', (status) => {
    given(...PAST[status])
      .when(become(status))
      .thenNothing();
  });

  it('R-SE2 asked twice to pause pauses once', () => {
    expect(
      given(...PAST.active)
        .when(become('paused'))
        .again(),
    ).toEqual([]);
  });

  it('R-SE2 becomes active with its first event, and stays paused when it is paused', () => {
    given(created(), appended()).when(become('active')).thenNothing();
    given(...PAST.paused, appended())
      .when(become('paused'))
      .thenNothing();
  });

  it('R-SE5 sets one value, null too, and never a temporary one', () => {
    given(created())
      .when(set('mood', null))
      .then({ type: 'SessionStateSet', data: { session_id, state_delta: { mood: null }, owners: {} } });
    given(created())
      .when(set('user:mood', 'good'))
      .then({ data: { owners: { user: owners.user } } });
    given(created()).when(set('temp:mood', 'good')).thenNothing();
  });

  it('R-SE5 takes __proto__ as a key like any other', () => {
    const delta = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as StateDelta;
    const [event] = session.decide(
      append(said({ state_delta: delta })) as never,
      { held: true, status: 'active', owners },
      { time: TIME, actor: 'tester', version: 1, seen: new Set() },
    );
    const kept = (event!.data as { state_delta: object }).state_delta;
    expect(Object.keys(kept).toSorted()).toEqual(['__proto__', 'constructor']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('R-SE9 begins a fork with copied events, whose deltas are not applied to what is shared again', () => {
    given(created())
      .when({ ...append(said({ event_id: 'e1', state_delta: { 'user:a': 1 } })), copied: true } as SessionCommand)
      .then({ data: { copied: true, owners: {}, state_delta: { 'user:a': 1 } } });
    given()
      .when(create({ forked_from: { session_id: 's0', version: 3 } }))
      .then({ data: { forked_from: { session_id: 's0', version: 3 } } });
  });

  it('R-SE1 that is not there is not found', () => {
    const commands = [append(said()), set('a', 1), become('active'), remove];
    for (const command of commands) {
      given().when(command).thenFails('not-found', 'session-not-found');
      given(created(), deleted).when(command).thenFails('not-found', 'session-not-found');
    }
  });

  it('R-SE1 is deleted in any status', () => {
    for (const status of SESSION_STATUSES) {
      given(...PAST[status])
        .when(remove)
        .then({ type: 'SessionDeleted', data: { session_id } });
    }
  });

  it.each(['s1', 'a:b', '50%', '%3A', 'ü/ö', '__proto__'])(
    'R-SE1 finds its id again in the name of its stream: %s',
    (id) => {
      expect(sessionOf(sessionStream(id))).toBe(id);
    },
  );
});
