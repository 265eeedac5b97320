import { decideStep, type Dependent, type Undo, type Undoes, type Undoing } from '#audit-log';
import type { Json, RecordedOf } from '#kernel';
import { sql, type Reader } from '#storage';
import { mayBecome, session, sessionStream } from './session.decider.js';
import type { Owners, SessionEvent, SessionEventAppended, SessionStateSetBack, StateDelta } from './session.events.js';
import { isShared, scopeOf } from './state-scope.js';

/** What was said stays said; what it changed is set back, unless others have changed it since. */
export const sessionUndoes: Undoes<SessionEvent> = {
  SessionCreated: ({ data: { session_id } }, { own, later }) => {
    if (own.at(-1)!.type === 'SessionDeleted') return { keep: 'it is gone again' };
    const because = later();
    if (because.length > 0) return { refuse: `session ${session_id} has been used since`, because };
    return { take: decideStep(session, { type: 'DeleteSession', session_id }), what: 'it is deleted' };
  },

  SessionEventAppended: (event, undoing) =>
    event.data.state_delta === undefined || event.data.copied
      ? { keep: 'what was said stays in the history' }
      : setBack(event, undoing),

  SessionStateSet: (event, undoing) => setBack(event, undoing),

  SessionStateSetBack: (event, undoing) => setBack(event, undoing),

  SessionStatusChanged: ({ data: { session_id } }, { own, later, db }) => {
    const first = own.find(({ type }) => type === 'SessionStatusChanged') as RecordedOf<SessionEvent>;
    const before = (first as Extract<typeof first, { type: 'SessionStatusChanged' }>).data.from;
    const now = db.one<{ status: typeof before }>(sql`SELECT status FROM sessions WHERE session_id = ${session_id}`);
    if (now === undefined || now.status === before) return { keep: 'its status is what it was before' };
    const because = later().filter(({ type }) => type === 'SessionStatusChanged' || type === 'SessionDeleted');
    if (because.length > 0) return { refuse: `the status of session ${session_id} was changed since`, because };
    if (before === 'created') return { keep: 'a session that has begun stays begun' };
    if (!mayBecome(now.status, before)) {
      return { refuse: `a session that is ${now.status} does not become ${before} again`, because: [] };
    }
    return {
      take: decideStep(session, { type: 'ChangeStatus', session_id, status: before }),
      what: `it is ${before} again`,
    };
  },

  SessionDeleted: ({ data: { session_id } }) => ({
    refuse: `session ${session_id} was deleted, and its id is not given again`,
    because: [],
  }),
};

/** All keys that the operation has set through this session, back to what they were before it. */
const setBack: Undo<SessionEventAppended | Extract<SessionEvent, { type: 'SessionStateSet' }> | SessionStateSetBack> = (
  { data: { session_id } },
  undoing,
) => {
  const { db, own } = undoing;
  const held = db.one(sql`SELECT 1 FROM sessions WHERE session_id = ${session_id}`) !== undefined;
  const set: StateDelta = Object.create(null) as StateDelta;
  const removed: string[] = [];
  const because: Dependent[] = [];
  for (const [key, owner] of keysOf(own as RecordedOf<SessionEvent>[], session_id)) {
    const { values, current } = historyOf(db, scopeOf(key), owner, key, undoing);
    because.push(...values);
    // A key of the session's own ends with it; what has ended needs nobody to set it back.
    if (current === 'ended') continue;
    if (current === undefined) removed.push(key);
    else set[key] = current.value;
  }
  if (because.length > 0) return { refuse: `state of session ${session_id} was set since`, because };
  if (Object.keys(set).length + removed.length === 0) return { keep: 'what it set has ended' };
  if (!held) return { refuse: `session ${session_id} is gone, and what it shared is set back through it`, because: [] };
  const keys = [...Object.keys(set), ...removed].toSorted();
  return {
    take: decideStep(session, { type: 'SetStateBack', session_id, state: set, removed: removed.toSorted() }),
    what: `${keys.join(', ')} ${keys.length === 1 ? 'is' : 'are'} what ${keys.length === 1 ? 'it was' : 'they were'} before`,
  };
};

/** The keys that these events set or removed, and whose each is. */
function keysOf(own: RecordedOf<SessionEvent>[], session_id: string): Map<string, string> {
  const keys = new Map<string, string>();
  const add = (names: string[], owners: Owners): void => {
    for (const key of names) {
      const scope = scopeOf(key);
      keys.set(key, isShared(scope) ? owners[scope]! : sessionStream(session_id));
    }
  };
  for (const { type, data } of own) {
    if (type === 'SessionEventAppended' && !data.copied) add(Object.keys(data.state_delta ?? {}), data.owners);
    if (type === 'SessionStateSet') add(Object.keys(data.state_delta), data.owners);
    if (type === 'SessionStateSetBack') add([...Object.keys(data.state_delta), ...data.removed], data.owners);
  }
  return keys;
}

/** What a key was before the operation (`undefined`: not there), unless it has ended; and who has set it since. */
function historyOf(
  db: Reader,
  scope: string,
  owner: string,
  key: string,
  { before, othersAt }: Undoing,
): { values: Dependent[]; current: { value: Json } | 'ended' | undefined } {
  const rows = db.all<{ value: string; from_position: number; to_position: number | null }>(
    sql`SELECT value, from_position, to_position FROM scoped_state
        WHERE scope = ${scope} AND owner = ${owner} AND key = ${key}
          AND (to_position IS NULL OR to_position > ${before}) ORDER BY from_position`,
  );
  const held = rows.find(({ from_position }) => from_position <= before);
  const since = rows.filter(({ from_position }) => from_position > before);
  const values = since.map(({ from_position }) => othersAt(from_position)).filter((other) => other !== undefined);
  const last = rows.at(-1)!;
  const ended = last.to_position !== null && othersAt(last.to_position) !== undefined;
  return { values, current: ended ? 'ended' : held && { value: JSON.parse(held.value) as Json } };
}
