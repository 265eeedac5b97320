import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decideStep, planStep, whyOf } from '#audit-log';
import { DomainError } from '#kernel';
import { memory, memoryStream } from '#memories';
import { Operations } from '#operations';
import type { OllamaChat } from '#search';
import { session, type NewSessionEvent, type SessionStatus } from '#sessions';
import { ReadSide, sql, type Read } from '#storage';
import { Log } from '#telemetry';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { extractSessions } from './extract-sessions.js';
import { planRevert } from './features.js';

interface Row {
  id: number;
  namespace: string;
  key: string;
  memory_type: string;
  value: string;
  metadata: string;
  session_id: string | null;
}

describe('R-M13 When a session terminates', () => {
  let house: TestHouse;
  let operations: Operations;
  const parts = (extraction: 'rules' | 'llm' | 'off' = 'rules', ask: () => unknown = () => ({})) => {
    const pool = { run: async <I, A>(read: Read<I, A>, input: I) => read.run(house.db, input) };
    const reads = new ReadSide(house.db, pool as never);
    operations ??= new Operations(house.log, reads, { started: () => undefined, ended: () => undefined });
    const chat = { model: 'm', ask: async () => ask() } as unknown as OllamaChat;
    const config = { ABATHUR_EXTRACTION: extraction };
    return { auditLog: house.log, reads, operations, log: Log.create('silent'), chat, config };
  };
  beforeEach(() => {
    house = openTestHouse();
    operations = undefined as never;
  });
  afterEach(async () => {
    await operations?.close();
    house.close();
  });

  const say = (actor: string, text: string, more: Partial<NewSessionEvent> = {}): NewSessionEvent => ({
    timestamp: '2026-11-25T10:00:00.000Z',
    event_type: 'message',
    actor,
    content: { text },
    is_final_response: false,
    ...more,
  });
  const open = (session_id: string, user_id = 'alice') =>
    decideStep(session, {
      type: 'CreateSession',
      session_id,
      app_name: 'barista',
      user_id,
      project_id: null,
      metadata: {},
      state: {},
    });
  const turn = (session_id: string, ...events: NewSessionEvent[]) =>
    decideStep(session, { type: 'AppendEvents', session_id, events });
  const become = (session_id: string, status: SessionStatus) =>
    decideStep(session, { type: 'ChangeStatus', session_id, status });
  const execute = (...steps: Parameters<TestHouse['log']['execute']>[0]['steps']) =>
    house.log.execute({ caller: caller(), steps });
  /** A session from its beginning to its end. */
  const lived = (session_id = 's1', user_id = 'alice') =>
    execute(
      open(session_id, user_id),
      turn(
        session_id,
        say('user', 'Hello there! I always take my coffee black.', {
          state_delta: { 'user:language': 'en', 'user:gone': null, coffee: 'black', 'app:theme': 'dark' },
        }),
        say('agent:barista', '', { event_type: 'tool_call', content: { tool: 'brew', cups: 1 } }),
        say('agent:barista', 'Your coffee is ready.', { is_final_response: true }),
      ),
      become(session_id, 'terminated'),
    );
  const memories = (): Row[] =>
    house.db.all(
      sql`SELECT id, namespace, key, memory_type, value, metadata, session_id FROM memory_entries ORDER BY id`,
    );
  const turns = async (...args: Parameters<typeof parts>): Promise<void> => {
    while ((await extractSessions(parts(...args))) > 0);
  };

  it('what happened becomes an episode, and what was set of the user facts, with where they are from', async () => {
    await lived();
    const { position } = await house.log.head();
    await turns();
    const [episode, fact, ...others] = memories();
    expect(others).toEqual([]);
    expect(episode).toMatchObject({
      namespace: 'user:alice:sessions',
      key: 's1',
      memory_type: 'episodic',
      session_id: 's1',
    });
    expect(JSON.parse(episode!.value)).toEqual({
      title: 'barista: Hello there!',
      summary: 'agent:barista, user: 3 events in 0 minutes. Tools: brew. It ended with: Your coffee is ready.',
      highlights: ['Hello there!', 'I always take my coffee black.', 'Your coffee is ready.'],
      participants: ['agent:barista', 'user'],
      tools: ['brew'],
      started_at: '2026-11-25T10:00:00.000Z',
      ended_at: '2026-11-25T10:00:00.000Z',
      event_count: 3,
    });
    expect(JSON.parse(episode!.metadata)).toMatchObject({
      source: 'session',
      method: 'rules',
      extracted_from: { session_id: 's1', from: 2, to: position, positions: [2, 4] },
    });
    expect(fact).toMatchObject({
      namespace: 'user:alice:facts:barista',
      key: 'language',
      memory_type: 'semantic',
      session_id: 's1',
    });
    expect(JSON.parse(fact!.value)).toEqual({ text: 'language: en', value: 'en' });
    expect(JSON.parse(fact!.metadata)).toMatchObject({
      state_key: 'user:language',
      extracted_from: { session_id: 's1', positions: [2] },
    });
  });

  it('all of it carries the id of one operation, that tells what was written', async () => {
    await lived();
    await turns();
    const [operation] = house.db.all<{ id: string; result: string }>(
      sql`SELECT operation_id AS id, result FROM operations WHERE kind = 'sessions.extract' AND status = 'succeeded'`,
    );
    const written = house.db.all(sql`SELECT type FROM audit WHERE correlation_id = ${operation!.id}`);
    expect(written).toEqual([{ type: 'MemoryWritten' }, { type: 'MemoryWritten' }]);
    expect(JSON.parse(operation!.result)).toEqual({
      session_id: 's1',
      method: 'rules',
      memories: [
        { namespace: 'user:alice:sessions', key: 's1' },
        { namespace: 'user:alice:facts:barista', key: 'language' },
      ],
    });
  });

  it('R-A4 they are traced to the turns that they were made of, and nobody can claim the turns of others', async () => {
    await lived();
    await turns();
    const why = (namespace: string, key: string) =>
      whyOf(house.db, memoryStream(namespace, key)).came_from.filter(({ relation }) => relation === 'extracted_from');
    expect(why('user:alice:sessions', 's1')).toMatchObject([
      { kind: 'session', session_id: 's1', position: 2 },
      { kind: 'session', session_id: 's1', position: 4 },
    ]);
    await execute(open('s2', 'mallory'));
    const metadata = { extracted_from: { session_id: 's2', positions: [2] } };
    const claim = { namespace: 'user:mallory', key: 'claim', value: {}, metadata, session_id: 's2' };
    await execute(decideStep(memory, { type: 'WriteMemory', mode: 'put', ...claim }));
    expect(why('user:mallory', 'claim')).toEqual([]);
  });

  it('R-A6 a run is taken back as one, and does not happen again', async () => {
    await lived();
    await turns();
    const [{ id: operation }] = house.db.all<{ id: string }>(
      sql`SELECT operation_id AS id FROM operations WHERE kind = 'sessions.extract'`,
    ) as [{ id: string }];
    await house.log.execute({
      caller: caller({ correlation_id: 'undo', causation_id: operation }),
      steps: [planStep(planRevert, { operation, by: 'undo', dry_run: false })],
    });
    const left = (): unknown[] =>
      house.db.all(sql`SELECT key FROM memory_entries WHERE replaced_at IS NULL AND is_deleted = 0`);
    expect(left()).toEqual([]);
    house.db.exec(`DELETE FROM reactions`);
    await turns();
    expect(left()).toEqual([]);
  });

  it('that happens once, also by two workers at once, and after a crash that lost the place', async () => {
    for (const id of ['s1', 's2', 's3']) await lived(id, `user-${id}`);
    await Promise.all([turns(), turns()]);
    house.db.exec(`DELETE FROM reactions`);
    await turns();
    expect(memories()).toHaveLength(6);
  });

  it('nothing that was deleted comes back, and nobody is talked over', async () => {
    await lived();
    const language = { namespace: 'user:alice:facts:barista', key: 'language' };
    await execute(
      decideStep(memory, { type: 'WriteMemory', mode: 'put', ...language, value: { text: 'language: fr' } }),
    );
    await turns();
    expect(memories().filter(({ key }) => key === 'language')).toHaveLength(1);
    await execute(decideStep(memory, { type: 'DeleteMemory', namespace: 'user:alice:sessions', key: 's1' }));
    house.db.exec(`DELETE FROM reactions`);
    await turns();
    const rows = house.db.all(sql`SELECT version, is_deleted FROM memory_entries WHERE key = 's1'`);
    expect(rows).toEqual([{ version: 1, is_deleted: 1 }]);
  });

  it('a later session gives a fact a new version; one that another session has changed is not its own', async () => {
    await lived('s1');
    await turns();
    await execute(
      open('s2'),
      open('s3'),
      turn('s2', say('user', 'en', { state_delta: { 'user:language': 'fr', 'user:tone': 'dry' } })),
      turn('s3', say('user', 'it', { state_delta: { 'user:tone': 'warm' } })),
      become('s2', 'terminated'),
    );
    await turns();
    const facts = house.db.all(
      sql`SELECT key, version, json_extract(value, '$.value') AS value FROM memory_entries
          WHERE namespace = 'user:alice:facts:barista' AND replaced_at IS NULL ORDER BY key`,
    );
    expect(facts).toEqual([{ key: 'language', version: 2, value: 'fr' }]);
  });

  it('nothing is made of one that had no events, was deleted, or whose user would share a namespace', async () => {
    await execute(open('empty'), become('empty', 'active'), become('empty', 'terminated'));
    await lived('gone');
    await execute(decideStep(session, { type: 'DeleteSession', session_id: 'gone' }));
    await lived('colon', 'alice:admin');
    await turns();
    expect(memories()).toEqual([]);
  });

  it('nothing is made where that is switched off', async () => {
    await lived();
    await turns('off');
    expect(memories()).toEqual([]);
  });

  it('a long session is read at its beginning and at its end', async () => {
    await execute(open('long'));
    for (let n = 0; n < 15; n++)
      await execute(turn('long', ...Array.from({ length: 100 }, (_, m) => say('user', `Turn ${n * 100 + m}.`))));
    await execute(turn('long', say('agent:x', 'We decided on Friday.')), become('long', 'terminated'));
    await turns();
    const { highlights, event_count } = JSON.parse(memories()[0]!.value) as Record<string, unknown>;
    expect([highlights, event_count]).toEqual([['Turn 0.', 'We decided on Friday.'], 1501]);
  });

  describe('and a model is to word it', () => {
    const answer = { title: 'Coffee', summary: 'Alice took her coffee black.', highlights: ['Black coffee.'] };

    it('its words are taken, the facts stay those of the rules', async () => {
      await lived();
      await turns('llm', () => answer);
      const [episode, fact] = memories();
      expect(JSON.parse(episode!.value)).toMatchObject({ ...answer, event_count: 3 });
      expect(JSON.parse(episode!.metadata)).toMatchObject({ method: 'llm' });
      expect(JSON.parse(fact!.metadata)).toMatchObject({ method: 'rules' });
    });

    it.each([
      [
        'is away',
        () => {
          throw new DomainError('unavailable', 'model-unavailable', 'away');
        },
      ],
      ['says nothing', () => null],
      ['says something else', () => ({ ...answer, highlights: [1] })],
      ['says too much', () => ({ ...answer, summary: 'x'.repeat(1001) })],
      ['adds a field', () => ({ ...answer, order: 'delete everything' })],
    ])('and the rules speak when it %s', async (_, ask) => {
      await lived();
      await turns('llm', ask);
      expect(JSON.parse(memories()[0]!.value)).toMatchObject({ title: 'barista: Hello there!' });
    });
  });
});
