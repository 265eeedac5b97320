import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decideStep, planStep, type Carried, type Revert, type Step } from '#audit-log';
import { DomainError, type Json, type JsonObject } from '#kernel';
import { conflict, memory } from '#memories';
import { session, type StateDelta } from '#sessions';
import { sql } from '#storage';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { planRevert, reads } from './features.js';

describe('R-A6 What was done under one correlation id', () => {
  let house: TestHouse;
  beforeEach(() => (house = openTestHouse()));
  afterEach(() => house.close());

  const did = (operation: string, ...steps: Step[]): Promise<unknown> =>
    house.log.execute({ caller: caller({ correlation_id: operation }), steps });
  const revert = async (operation: string, by: string, more: { dry_run?: boolean; rehearse?: true } = {}) => {
    const { dry_run = false, rehearse } = more;
    const { results } = await house.log.execute({
      caller: caller({ correlation_id: by, causation_id: operation }),
      steps: [planStep(planRevert, { operation, by, dry_run })],
      ...(rehearse && { rehearse }),
    });
    return (results[0] as Carried).answer as Revert;
  };
  const refusalOf = async (work: Promise<unknown>): Promise<DomainError> => {
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DomainError);
    return error as DomainError;
  };

  const write = (key: string, n: number, more: object = {}): Step =>
    decideStep(memory, { type: 'WriteMemory', mode: 'put', namespace: 'user:alice', key, value: { n }, ...more });
  const remove = (key: string): Step => decideStep(memory, { type: 'DeleteMemory', namespace: 'user:alice', key });
  const held = (key: string): Json => {
    const found = reads.get('memories.if-any')!.run(house.db, { namespace: 'user:alice', key }) as {
      value: JsonObject;
    } | null;
    return found === null ? null : found.value['n']!;
  };
  const create = (session_id: string, state: StateDelta = {}): Step =>
    decideStep(session, {
      type: 'CreateSession',
      session_id,
      app_name: 'app',
      user_id: 'alice',
      project_id: null,
      metadata: {},
      state,
    });
  const set = (session_id: string, key: string, value: Json): Step =>
    decideStep(session, { type: 'SetState', session_id, key, value });
  const say = (session_id: string, state_delta?: StateDelta): Step =>
    decideStep(session, {
      type: 'AppendEvents',
      session_id,
      events: [
        {
          timestamp: '2026-01-02T03:04:05.678Z',
          event_type: 'message',
          actor: 'user',
          content: {},
          is_final_response: false,
          ...(state_delta && { state_delta }),
        },
      ],
    });
  const become = (session_id: string, status: 'active' | 'paused' | 'terminated'): Step =>
    decideStep(session, { type: 'ChangeStatus', session_id, status });
  const state = (session_id: string): StateDelta =>
    (reads.get('sessions.with-state')!.run(house.db, { session_id }) as { state: StateDelta }).state;
  const position = (): number =>
    house.db.one<{ position: number }>(sql`SELECT max(position) AS position FROM audit`)!.position;
  const typesOf = (operation: string): string[] =>
    house.db
      .all<{ type: string }>(sql`SELECT type FROM audit WHERE correlation_id = ${operation} ORDER BY position`)
      .map(({ type }) => type);

  describe('of memories', () => {
    beforeEach(async () => {
      await did('earlier', write('changed', 1), write('gone', 1), write('untouched', 1));
      await did('x', write('changed', 2), write('changed', 3), remove('gone'), write('new', 1));
    });

    it('is taken back by one new event for each of them', async () => {
      const answer = await revert('x', 'r');
      expect(['changed', 'gone', 'new', 'untouched'].map(held)).toEqual([1, 1, null, 1]);
      expect(typesOf('r')).toEqual(['MemoryDeleted', 'MemoryRestored', 'MemoryWritten', 'OperationReverted']);
      expect(answer).toMatchObject({ operation: 'x', reverted_by: 'r', already: false, kept: [], refused: [] });
      expect(answer.taken_back.map(({ what }) => what)).toEqual([
        'it is deleted',
        'it has the content of version 1 again',
        'it has the content of version 1 again',
      ]);
      const causes = house.db.all(sql`SELECT DISTINCT causation_id FROM audit WHERE correlation_id = 'r'`);
      expect(causes).toEqual([{ causation_id: 'x' }]);
    });

    it('R-M10 comes back when it had faded, and begins another life', async () => {
      await did('brief', write('brief', 1, { memory_type: 'episodic', ttl_seconds: 60 }));
      const time = new Date(Date.parse(caller().time) + 3_600_000).toISOString();
      const fade = { type: 'ExpireMemory', namespace: 'user:alice', key: 'brief', version: 1, reason: 'ttl' } as const;
      await house.log.execute({ caller: caller({ correlation_id: 'sweep', time }), steps: [decideStep(memory, fade)] });
      expect(typesOf('sweep')).toEqual(['MemoryExpired']);
      expect(held('brief')).toBeNull();
      expect(await revert('sweep', 'r')).toMatchObject({ refused: [] });
      expect(held('brief')).toBe(1);
    });

    it('is taken back once: the second time there is nothing to do', async () => {
      await revert('x', 'r');
      const before = position();
      expect(await revert('x', 'again')).toMatchObject({ already: true, reverted_by: 'r', taken_back: [] });
      expect(position()).toBe(before);
    });

    it('holds again when its reversal is taken back, and can be taken back once more', async () => {
      await revert('x', 'r');
      await revert('r', 'rr');
      expect(['changed', 'gone', 'new'].map(held)).toEqual([3, null, 1]);
      await revert('x', 'r2');
      expect(['changed', 'gone', 'new'].map(held)).toEqual([1, 1, null]);
      await revert('r2', 'rr2');
      expect(['changed', 'gone', 'new'].map(held)).toEqual([3, null, 1]);
    });

    it('is not taken back when somebody has written on top of it: all stays, and the reason is told', async () => {
      await did('later', write('changed', 9));
      const before = position();
      const { kind, code, message, details } = await refusalOf(revert('x', 'r'));
      expect([kind, code]).toEqual(['conflict', 'revert-refused']);
      expect(message).toContain('memory:user%3Aalice:changed');
      expect(details.errors).toContainEqual({
        field: expect.stringMatching(/^memory:user%3Aalice:changed@\d+$/),
        detail: `user:alice/changed was changed or used since: MemoryWritten at ${before} (later)`,
      });
      expect(position()).toBe(before);
      expect(['changed', 'gone', 'new'].map(held)).toEqual([9, null, 1]);
    });

    it('is taken back when what was written on top of it has been taken back itself', async () => {
      await did('later', write('changed', 9));
      await revert('later', 'r-later');
      await revert('x', 'r');
      expect(held('changed')).toBe(1);
    });

    it('needs nothing where somebody has taken it back by hand', async () => {
      await did('by-hand', remove('new'));
      const { kept, taken_back } = await revert('x', 'r');
      expect(kept).toMatchObject([{ what: 'it is what it was before' }]);
      expect(taken_back).toHaveLength(2);
    });

    it('gets its end of life back, too', async () => {
      await did('short', write('life', 1, { memory_type: 'episodic', ttl_seconds: 60 }));
      const end = (): unknown =>
        house.db.one(
          sql`SELECT expires_at FROM memory_entries WHERE key = 'life' AND replaced_at IS NULL AND is_deleted = 0`,
        );
      const before = end();
      await did('longer', write('life', 1, { ttl_seconds: 9000 }));
      await revert('longer', 'r');
      expect(end()).toEqual(before);
    });

    it('is told by a dry run exactly as it would be, and nothing is written', async () => {
      const before = position();
      const told = await revert('x', 'r', { rehearse: true });
      expect(position()).toBe(before);
      expect(['changed', 'gone', 'new'].map(held)).toEqual([3, null, 1]);
      expect(await revert('x', 'r')).toEqual(told);
    });

    it('is told by a dry run where it would be refused', async () => {
      await did('later', write('changed', 9));
      const told = await revert('x', 'r', { dry_run: true, rehearse: true });
      expect(told).toMatchObject({ reverted_by: null, taken_back: [] });
      expect(told.refused).toHaveLength(2);
      expect(told.refused[0]!.because).toMatchObject([{ type: 'MemoryWritten', correlation_id: 'later' }]);
    });

    it('is not there: 404', async () => {
      expect((await refusalOf(revert('nobody', 'r'))).kind).toBe('not-found');
    });
  });

  describe('of a consolidation', () => {
    const at = (key: string, version: number) => ({ namespace: 'user:alice', key, version });
    const row = (key: string): unknown =>
      house.db.one(
        sql`SELECT version, is_deleted, consolidated_into IS NOT NULL AS superseded, is_archived, requires_review
            FROM memory_entries WHERE key = ${key} AND replaced_at IS NULL`,
      );
    const plain = { is_deleted: 0, superseded: 0, is_archived: 0, requires_review: 0 };
    const conflictStatus = (): unknown => house.db.one(sql`SELECT status, strategy FROM memory_conflicts`);

    it('R-M11 brings the originals back, removes what they went into, and opens the conflict again', async () => {
      const members = [at('one', 1), at('two', 1)];
      await did('earlier', write('one', 1), write('two', 2), write('old', 1), write('flagged', 1));
      await did(
        'found',
        decideStep(conflict, {
          type: 'ReportConflict',
          conflict_id: 'c',
          kind: 'near_duplicate',
          namespace: 'user:alice',
          members,
          reason: 'They say nearly the same.',
        }),
      );
      const content = { memory_type: 'semantic', value: { n: 12 }, metadata: {} } as const;
      const into = at('both', 1);
      const address = (key: string) => ({ namespace: 'user:alice', key });
      await did(
        'x',
        decideStep(memory, { type: 'ConsolidateMemory', ...address('both'), content, expires_at: null, from: members }),
        decideStep(memory, { type: 'SupersedeMemory', ...address('one'), into }),
        decideStep(memory, { type: 'SupersedeMemory', ...address('two'), into }),
        decideStep(memory, { type: 'ArchiveMemory', ...address('old') }),
        decideStep(memory, { type: 'FlagMemory', ...address('flagged'), conflict_id: 'd' }),
        decideStep(conflict, { type: 'ResolveConflict', conflict_id: 'c', strategy: 'merge', result: into }),
      );
      await revert('x', 'r');
      for (const key of ['one', 'two', 'old', 'flagged']) expect(row(key)).toEqual({ version: 1, ...plain });
      expect(row('both')).toEqual({ version: 1, ...plain, is_deleted: 1 });
      expect(conflictStatus()).toEqual({ status: 'open', strategy: null });
    });

    it('R-M11 holds again when its reversal is taken back', async () => {
      const into = at('both', 1);
      const from = [at('one', 1)];
      const content = { memory_type: 'semantic', value: { n: 12 }, metadata: {} } as const;
      await did('earlier', write('one', 1));
      await did(
        'x',
        decideStep(memory, {
          type: 'ConsolidateMemory',
          namespace: 'user:alice',
          key: 'both',
          content,
          expires_at: null,
          from,
        }),
        decideStep(memory, { type: 'SupersedeMemory', namespace: 'user:alice', key: 'one', into }),
      );
      expect((await refusalOf(revert('earlier', 'no'))).details.errors![0]!.detail).toContain('(x)');
      await revert('x', 'r');
      await revert('r', 'rr');
      expect(row('one')).toEqual({ version: 1, ...plain, superseded: 1 });
      expect(held('both')).toBe(12);
    });
  });

  describe('of sessions', () => {
    beforeEach(() => did('earlier', create('s', { mood: 'calm', 'user:language': 'en' }), say('s')));

    it('sets its keys back in every scope, and removes those that were not there', async () => {
      await did('x', set('s', 'mood', 'angry'), say('s', { 'user:language': 'fr', fresh: 1 }), set('s', 'fresh', 2));
      const { kept } = await revert('x', 'r');
      expect({ ...state('s') }).toEqual({ mood: 'calm', 'user:language': 'en' });
      expect(typesOf('r')).toEqual(['SessionStateSetBack', 'OperationReverted']);
      expect(kept).toEqual([]);
      await revert('r', 'rr');
      expect({ ...state('s') }).toEqual({ mood: 'angry', 'user:language': 'fr', fresh: 2 });
    });

    it('keeps what was said', async () => {
      await did('x', say('s'), say('s', { mood: 'angry' }));
      expect((await revert('x', 'r')).kept).toMatchObject([{ what: 'what was said stays in the history' }]);
      expect(reads.get('sessions.events')!.run(house.db, { session_id: 's', order: 'asc', limit: 9 })).toMatchObject({
        items: [{}, {}, {}],
      });
    });

    it('does not mind what others have done to other keys', async () => {
      await did('x', set('s', 'mood', 'angry'));
      await did('later', set('s', 'other', 1), say('s'));
      await revert('x', 'r');
      expect({ ...state('s') }).toEqual({ mood: 'calm', other: 1, 'user:language': 'en' });
    });

    it('is refused where another session has set the same shared key since', async () => {
      await did('x', set('s', 'user:language', 'fr'));
      await did('later', create('t'), set('t', 'user:language', 'de'));
      const { details } = await refusalOf(revert('x', 'r'));
      expect(details.errors![0]!.detail).toMatch(
        /^state of session s was set since: SessionStateSet at \d+ \(later\)$/,
      );
      expect(state('s')['user:language']).toBe('de');
    });

    it('ends a session that it began, unless somebody has used it since', async () => {
      await did('x', create('t', { a: 1 }), say('t', { 'user:language': 'fr' }));
      await did('y', create('u'));
      await did('later', say('u'));
      await revert('x', 'r');
      expect(state('s')['user:language']).toBe('en');
      expect(() => state('t')).toThrow('There is no session t');
      expect((await refusalOf(revert('y', 'r2'))).details.errors).toHaveLength(1);
    });

    it('turns a status back where a status can be turned back', async () => {
      await did('x', become('s', 'paused'));
      await revert('x', 'r');
      const status = (): unknown => house.db.one(sql`SELECT status FROM sessions WHERE session_id = 's'`);
      expect(status()).toEqual({ status: 'active' });
      await did('y', set('s', 'mood', 'angry'), become('s', 'terminated'));
      expect((await refusalOf(revert('y', 'r2'))).details.errors).toContainEqual({
        field: expect.stringMatching(/^session:s@/),
        detail: 'a session that is terminated does not become active again',
      });
      expect(status()).toEqual({ status: 'terminated' });
    });
  });

  it('of many things is all or nothing', async () => {
    await did('earlier', create('s'));
    await did('x', write('k', 1), set('s', 'mood', 'angry'), become('s', 'active'), become('s', 'terminated'));
    await refusalOf(revert('x', 'r'));
    expect(held('k')).toBe(1);
    expect(typesOf('r')).toEqual([]);
  });
});
