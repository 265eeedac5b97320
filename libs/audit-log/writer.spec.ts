import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { assembleWriter, catalog, projectors } from '#assembly';
import { streamName, type AnyDecider, type Caller } from '#kernel';
import { memory } from '#memories';
import { Projections } from '#projections';
import { session } from '#sessions';
import { Database, sql } from '#storage';
import { nextTask, task } from '#work';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { verifySlice } from './chain.js';
import type { NewEvent } from './audit-log.js';
import { LogReader } from './log-reader.js';
import { LogWriter } from './log-writer.js';
import { SqliteAuditLog } from './sqlite-audit-log.js';
import { chooseStep, decideStep, Transactor, type Decision, type Step, type WorkAnswer } from './transactor.js';
import { directly } from './writer-client.js';
import { Writer, type Settled, type WriterRequest } from './writer.js';

const NOW = '2026-01-02T03:04:05.678Z';

describe('The writer', () => {
  let house: TestHouse;
  beforeEach(() => {
    house = openTestHouse();
  });
  afterEach(() => house.close());

  const execute = (steps: Step[], by: Partial<Caller> = {}) =>
    house.log.execute({ caller: caller({ time: NOW, ...by }), steps });
  const batch = (...works: { steps: Step[]; by?: Partial<Caller> }[]): Settled[] =>
    house.writer.batch(works.map(({ steps, by }) => request(steps, by)));
  const head = async (): Promise<number> => (await house.log.head()).position;
  const versions = async (stream: string): Promise<number[]> =>
    (await house.log.readStream(stream)).map(({ version }) => version);
  const sound = async (): Promise<void> => {
    const position = await head();
    expect(house.ask(verifySlice, { from: 1, to: position })).toEqual({ checked: position });
  };

  describe('with many at once', () => {
    beforeEach(() => execute([createSession('s1')]));

    it('R-SE7 lets exactly one of twenty with the same expected version win', async () => {
      const settled = batch(...Array.from({ length: 20 }, (_, n) => ({ steps: [say('s1', `word ${n}`, 1)] })));
      expect(settled.filter((result) => 'value' in result)).toHaveLength(1);
      expect(failures(settled)).toEqual(
        Array.from({ length: 19 }, () =>
          expect.objectContaining({
            kind: 'version-conflict',
            details: expect.objectContaining({ current_version: 2 }),
          }),
        ),
      );
      expect(await versions('session:s1')).toEqual([1, 2]);
    });

    it('R-SE7 loses none of twenty without an expected version', async () => {
      const settled = batch(...Array.from({ length: 20 }, (_, n) => ({ steps: [say('s1', `word ${n}`)] })));
      expect(failures(settled)).toEqual([]);
      const words = (await house.log.readStream('session:s1', { from: 2 })).map(({ data }) => text(data));
      expect(words).toEqual(Array.from({ length: 20 }, (_, n) => `word ${n}`));
    });

    it('answers each in the order of asking', () => {
      const settled = batch(...['a', 'b', 'c'].map((name) => ({ steps: [put(name)] })));
      expect(settled.map((result) => decisions(result)[0]!.stream)).toEqual(['a', 'b', 'c'].map(streamOf));
      expect(settled.map((result) => decisions(result)[0]!.position)).toEqual([2, 3, 4]);
    });

    it('commits the others when one of them fails, and leaves no hole', async () => {
      const settled = batch({ steps: [put('a')] }, { steps: [put('b'), remove('missing')] }, { steps: [put('c')] });
      expect(settled.map((result) => 'value' in result)).toEqual([true, false, true]);
      expect(decisions(settled[2]!)[0]).toMatchObject({ position: 3 });
      expect([await versions(streamOf('a')), await versions(streamOf('b'))]).toEqual([[1], []]);
      await sound();
    });

    it('shows each what the ones before it wrote', () => {
      const settled = batch({ steps: [put('a')] }, { steps: [put('a', { taste: 'white' })] }, { steps: [remove('a')] });
      expect(settled.map((result) => decisions(result)[0]!.version)).toEqual([1, 2, 3]);
    });

    it('of none answers none', () => {
      expect(house.writer.batch([])).toEqual([]);
    });
  });

  describe('given several steps', () => {
    it('does all of them, in order', async () => {
      const { results, position } = await execute([put('a'), put('b'), put('a', { taste: 'white' })]);
      expect((results as Decision[]).map(({ version }) => version)).toEqual([1, 1, 2]);
      expect(position).toBe(3);
    });

    it('R-M14 does none of them when one fails, and tells which', async () => {
      await execute([put('a')]);
      const failing = execute([put('a', { taste: 'white' }), put('b'), remove('missing'), put('c')]);
      await expect(failing).rejects.toMatchObject({ kind: 'not-found', details: { failed_step: 2 } });
      expect(await head()).toBe(1);
      expect(house.db.all(sql`SELECT key, version FROM memory_entries`)).toEqual([{ key: 'a', version: 1 }]);
    });

    it('goes on with the state from before what failed', async () => {
      await execute([put('a')]);
      await expect(execute([put('a', { taste: 'white' }), remove('missing')])).rejects.toThrow('missing');
      const { results } = await execute([put('a', { taste: 'white' })]);
      expect(results[0]).toMatchObject({ version: 2, events: [{ version: 2, position: 2 }] });
    });

    it('begins a stream anew whose first events were undone', async () => {
      await expect(execute([createSession('s1'), say('s1', 'hello'), remove('missing')])).rejects.toThrow('missing');
      const { results } = await execute([createSession('s1')]);
      expect(results[0]).toMatchObject({ version: 1, position: 1 });
      await sound();
    });

    it('holds an expected version against what the steps before it did', async () => {
      await execute([createSession('s1')]);
      const { results } = await execute([say('s1', 'one', 1), say('s1', 'two', 2)]);
      expect((results as Decision[]).map(({ version }) => version)).toEqual([2, 3]);
      await expect(execute([say('s1', 'three', 3), say('s1', 'four', 3)])).rejects.toMatchObject({
        details: { failed_step: 1, current_version: 4 },
      });
      expect(await versions('session:s1')).toEqual([1, 2, 3]);
    });

    it('asks a read in between, which sees the steps before it', async () => {
      const read: Step = { read: 'memories.if-any', input: { namespace: 'user:alice', key: 'a', now: '' } };
      const { results } = await execute([read, put('a'), read]);
      expect([results[0], results[2]]).toMatchObject([null, { key: 'a', version: 1 }]);
    });

    it('refers to a session of a step before it, and to none that is not there or gone', async () => {
      const requires = ['session:s1'];
      await expect(execute([put('a', {}, requires)])).rejects.toMatchObject({ code: 'unknown-session' });
      await execute([createSession('s1'), put('a', {}, requires)]);
      await execute([decideStep(session, { type: 'DeleteSession', session_id: 's1' })]);
      await expect(execute([put('b', {}, requires)])).rejects.toMatchObject({
        kind: 'conflict',
        code: 'unknown-session',
      });
    });
  });

  describe('given a step that lets a read choose', () => {
    const next = (agent_id: string): Step => chooseStep(task, nextTask, { agent_id });
    const given = (settled: Settled): string | null =>
      (settled as { value: WorkAnswer }).value.results.map((result) => (result as Decision | null)?.stream ?? null)[0]!;
    beforeEach(() => execute(['t1', 't2', 't3'].map(submit)));

    it('R-T2 gives each of many in one transaction another thing, until there is nothing left', () => {
      const settled = batch(...['a', 'b', 'c', 'd'].map((agent) => ({ steps: [next(agent)] })));
      expect(settled.map(given)).toEqual(['task:t1', 'task:t2', 'task:t3', null]);
    });

    it('R-T2 gives two writers on one file different things', async () => {
      const other = new SqliteAuditLog(house.db, catalog, directly(assembleWriter(house.db)));
      const works = [house.log, other, house.log, other].map((log, n) =>
        log.execute({ caller: caller(), steps: [next(`agent-${n}`)] }),
      );
      const chosen = (await Promise.all(works)).map((value) => given({ value }));
      expect(chosen).toEqual(['task:t1', 'task:t2', 'task:t3', null]);
    });

    it('R-T2 chooses again what was chosen in a work that was undone', () => {
      const settled = batch({ steps: [next('a'), remove('missing')] }, { steps: [next('b')] });
      expect(failures(settled)).toHaveLength(1);
      expect(given(settled[1]!)).toBe('task:t1');
    });

    it('gives the first answer again under the same idempotency key, nothing included', async () => {
      const by = { idempotency: { key: 'claim', fingerprint: 'x' } };
      const first = await execute([next('a')], by);
      expect(await execute([next('a')], by)).toEqual({ ...first, replayed: true });
      await execute([next('b'), next('c')]);
      const late = { idempotency: { key: 'late', fingerprint: 'x' } };
      expect((await execute([next('d')], late)).results).toEqual([null]);
      await execute([submit('t4')]);
      expect((await execute([next('d')], late)).results).toEqual([null]);
    });

    it('sees what the steps before it did', async () => {
      const { results } = await execute([next('a'), next('a'), next('a'), submit('t0'), next('a')]);
      expect((results.at(-1) as Decision).stream).toBe('task:t0');
    });
  });

  describe('asked again under the same idempotency key', () => {
    const idempotency = { key: 'k1', fingerprint: 'PUT a' };

    it('gives the first answer and writes nothing', async () => {
      const first = await execute([put('a')], { idempotency });
      await execute([put('a', { taste: 'white' })]);
      expect(await execute([put('a')], { idempotency })).toEqual({ ...first, replayed: true });
      expect(await head()).toBe(2);
    });

    it('gives all of many at once the one answer', async () => {
      await execute([createSession('s1')]);
      const settled = batch(
        ...Array.from({ length: 10 }, () => ({ steps: [say('s1', 'hello')], by: { idempotency } })),
      );
      const answers = settled.map((result) => (result as { value: WorkAnswer }).value);
      expect(answers.map(({ replayed }) => replayed)).toEqual([false, ...Array.from({ length: 9 }, () => true)]);
      expect(new Set(answers.map(({ position }) => position)).size).toBe(1);
      expect(await versions('session:s1')).toEqual([1, 2]);
    });

    it('refuses the key for something else', async () => {
      await execute([put('a')], { idempotency });
      const other = execute([put('b')], { idempotency: { key: 'k1', fingerprint: 'PUT b' } });
      await expect(other).rejects.toMatchObject({ kind: 'key-reused', code: 'idempotency-key-reused' });
      expect(await head()).toBe(1);
    });

    it('tries again what failed before', async () => {
      await expect(execute([remove('a')], { idempotency })).rejects.toMatchObject({ kind: 'not-found' });
      await execute([put('a')]);
      await expect(execute([remove('a')], { idempotency })).resolves.toMatchObject({ replayed: false });
    });

    it('answers although the expected version is stale by now', async () => {
      await execute([createSession('s1')]);
      await execute([say('s1', 'hello', 1)], { idempotency });
      await expect(execute([say('s1', 'hello', 1)], { idempotency })).resolves.toMatchObject({ replayed: true });
    });

    it('has forgotten the key after a day', async () => {
      await execute([put('a')], { idempotency });
      expect(await house.log.chore('forget-commits', '2026-01-03T03:04:05.677Z')).toBe(0);
      await expect(execute([put('a')], { idempotency })).resolves.toMatchObject({ replayed: true });
      expect(await house.log.chore('forget-commits', '2026-01-03T03:04:05.679Z')).toBe(1);
      await expect(execute([put('b')], { idempotency })).resolves.toMatchObject({ replayed: false });
    });
  });

  describe('R-SE4 given events that have ids', () => {
    beforeEach(() => execute([createSession('s1')]));

    it('answers those that it has, and appends the rest', async () => {
      await execute([sayWithIds('s1', 'a', 'b')]);
      const { results } = await execute([sayWithIds('s1', 'b', 'c', 'a')]);
      expect((results[0] as Decision).events).toMatchObject([
        { event_id: 'b', version: 3, repeated: true },
        { event_id: 'c', version: 4 },
        { event_id: 'a', version: 2, repeated: true },
      ]);
      expect(await versions('session:s1')).toEqual([1, 2, 3, 4]);
    });

    it('appends an id once that comes twice', async () => {
      const { results } = await execute([sayWithIds('s1', 'a', 'a')]);
      expect((results[0] as Decision).events).toMatchObject([
        { event_id: 'a', version: 2 },
        { event_id: 'a', version: 2 },
      ]);
    });

    it('recognises a repetition before it looks at the expected version', async () => {
      await execute([sayWithIds('s1', 'a', 'b')]);
      await expect(execute([{ ...sayWithIds('s1', 'a', 'b'), expected: 1 }])).resolves.toMatchObject({ position: 3 });
      const partly = execute([{ ...sayWithIds('s1', 'a', 'new'), expected: 1 }]);
      await expect(partly).rejects.toMatchObject({ kind: 'version-conflict' });
    });

    it('recognises a repetition in a session that has ended', async () => {
      await execute([sayWithIds('s1', 'a')]);
      await execute([decideStep(session, { type: 'ChangeStatus', session_id: 's1', status: 'terminated' })]);
      await expect(execute([sayWithIds('s1', 'a')])).resolves.toMatchObject({
        results: [{ events: [{ version: 2 }] }],
      });
      await expect(execute([sayWithIds('s1', 'b')])).rejects.toMatchObject({ code: 'session-terminated' });
    });
  });

  describe('beside another process on the same file', () => {
    let second: { db: Database; log: SqliteAuditLog };
    beforeEach(() => {
      second = neighbour(house.path);
    });
    afterEach(() => second.db.close());

    it('decides on what the other one wrote, not on what it remembers', async () => {
      await execute([put('a')]);
      await second.log.execute({ caller: caller({ time: NOW }), steps: [put('a', { taste: 'white' })] });
      const { results } = await execute([put('a', { taste: 'white' })]);
      expect(results[0]).toMatchObject({ version: 2, events: [] });
      const written = await execute([put('a', { taste: 'green' })]);
      expect(written.results[0]).toMatchObject({ version: 3, position: 3 });
      await sound();
    });

    it('takes turns with it on one stream', async () => {
      await execute([createSession('s1')]);
      for (let n = 0; n < 20; n++) {
        const log = n % 2 === 0 ? house.log : second.log;
        await log.execute({ caller: caller({ time: NOW }), steps: [say('s1', `word ${n}`, n + 1)] });
      }
      expect(await versions('session:s1')).toEqual(Array.from({ length: 21 }, (_, n) => n + 1));
      await sound();
    });

    it('knows the idempotency keys of the other one', async () => {
      const idempotency = { key: 'k1', fingerprint: 'PUT a' };
      const first = await second.log.execute({ caller: caller({ time: NOW, idempotency }), steps: [put('a')] });
      expect(await execute([put('a')], { idempotency })).toEqual({ ...first, replayed: true });
    });
  });

  it('decides on the 10,000th event of a stream with a cold memory as with a warm one', async () => {
    await execute([createSession('s1')]);
    for (let n = 0; n < 10; n++) {
      const events = Array.from({ length: 1000 }, (_, m) => event(`word ${n * 1000 + m}`));
      await execute([decideStep(session, { type: 'AppendEvents', session_id: 's1', events })]);
    }
    const cold = neighbour(house.path);
    const { results } = await cold.log.execute({ caller: caller({ time: NOW }), steps: [say('s1', 'last', 10_001)] });
    expect(results[0]).toMatchObject({ version: 10_002, position: 10_002 });
    await expect(execute([say('s1', 'really', 10_002)])).resolves.toMatchObject({ position: 10_003 });
    await expect(execute([createSession('s1')])).rejects.toMatchObject({ code: 'session-exists' });
    await sound();
    cold.db.close();
  });

  describe('when the transaction itself fails', () => {
    it('tells everybody in it, writes nothing, and goes on with the next', async () => {
      // A memory of a session that is not there, with the check put off until the commit.
      const writer = writerOn(house.db, () => house.db.pragma('defer_foreign_keys = ON'));
      const [first] = writer.batch([request([put('a')])]);
      const orphan: WriterRequest = { kind: 'commit', commit: commitOf(orphanMemory()) };
      const settled = writer.batch([request([put('a', { taste: 'white' })]), orphan, request([put('b')])]);
      expect(decisions(first!)[0]).toMatchObject({ version: 1 });
      expect(failures(settled)).toEqual(
        [1, 2, 3].map(() => expect.objectContaining({ kind: 'conflict', code: 'unknown-reference' })),
      );
      expect(await head()).toBe(1);
      const [after] = writer.batch([request([put('a', { taste: 'green' })])]);
      expect(decisions(after!)[0]).toMatchObject({ version: 2, position: 2 });
      await sound();
    });

    it('tells only the one whose statement the database refused', async () => {
      const orphan: WriterRequest = { kind: 'commit', commit: commitOf(orphanMemory()) };
      const settled = house.writer.batch([request([put('a')]), orphan, request([put('b')])]);
      expect(settled.map((result) => 'value' in result)).toEqual([true, false, true]);
      expect(failures(settled)).toMatchObject([{ code: 'unknown-reference' }]);
      expect(await head()).toBe(2);
      await sound();
    });

    it('goes on with the right state when an answer could not be kept for its key', async () => {
      await execute([put('a')]);
      house.db.exec(
        `CREATE TEMP TRIGGER no_keys BEFORE INSERT ON commits BEGIN SELECT RAISE(ABORT, 'no keys today'); END`,
      );
      const idempotency = { key: 'k1', fingerprint: 'PUT a' };
      await expect(execute([put('a', { taste: 'white' })], { idempotency })).rejects.toThrow('no keys today');
      const { results } = await execute([put('a', { taste: 'white' })]);
      expect(results[0]).toMatchObject({ version: 2, position: 2, events: [{ version: 2 }] });
      await sound();
    });

    it('waits for nobody longer than the lock: another process that holds it is told of', async () => {
      const holder = neighbour(house.path);
      house.db.pragma('busy_timeout = 1');
      holder.db.exec('BEGIN IMMEDIATE');
      await expect(execute([put('a')])).rejects.toMatchObject({ kind: 'unavailable', code: 'database-busy' });
      holder.db.exec('ROLLBACK');
      await expect(execute([put('a')])).resolves.toMatchObject({ position: 1 });
      holder.db.close();
    });
  });

  describe('on a full disk', () => {
    const big = { text: 'x'.repeat(20_000) };

    it('refuses what does not fit, keeps the log as it was, and writes again when there is room', async () => {
      await execute([createSession('s1'), put('a')]);
      const limit = fill(house.db, 30);
      const answers: unknown[] = [];
      for (let n = 0; n < 20; n++)
        answers.push(...batch({ steps: [put(`b${n}`, big)] }, { steps: [say('s1', 'hello')] }));
      const refusals = failures(answers as Settled[]);
      expect(refusals.length).toBeGreaterThan(2);
      for (const refusal of refusals) expect(refusal).toMatchObject({ kind: 'storage-full', code: 'storage-full' });
      const taken = (answers as Settled[]).filter((result) => 'value' in result).length;
      expect(await head()).toBe(2 + taken);
      await sound();
      house.db.pragma(`max_page_count = ${limit * 10}`);
      const { results } = await execute([put('a', big), say('s1', 'there is room again')]);
      expect((results as Decision[]).map(({ version }) => version)).toEqual([2, (await versions('session:s1')).length]);
      await sound();
    });

    it('serves nobody of a batch that it could not commit', async () => {
      await execute([put('a')]);
      fill(house.db, 5);
      const settled = batch(
        { steps: [put('a', { taste: 'white' })] },
        { steps: [put('b', { text: 'x'.repeat(200_000) })] },
      );
      const before = await head();
      const served = settled.filter((result) => 'value' in result).length;
      expect(before).toBe(1 + served);
      expect(await versions(streamOf('b'))).toEqual([]);
      house.db.pragma('max_page_count = 100000');
      const { results } = await execute([put('a', { taste: 'green' })]);
      expect(results[0]).toMatchObject({ version: 2 + served, position: 2 + served });
      await sound();
    });
  });
});

describe('A savepoint', () => {
  const count = (db: Database): number => db.one<{ n: number }>(sql`SELECT count(*) AS n FROM t`)!.n;
  const insert = (db: Database): void => void db.run(sql`INSERT INTO t DEFAULT VALUES`);
  let db: Database;
  beforeEach(() => {
    db = Database.open({ path: ':memory:' });
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  });
  afterEach(() => db.close());

  const failing = (work: () => void): void => {
    expect(() =>
      db.savepoint(() => {
        work();
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
  };

  it('that fails undoes its own statements and no others', () => {
    db.transaction(() => {
      insert(db);
      failing(() => insert(db));
      db.savepoint(() => insert(db));
    });
    expect(count(db)).toBe(2);
  });

  it('within another one undoes only its own', () => {
    db.transaction(() => {
      db.savepoint(() => {
        insert(db);
        failing(() => insert(db));
        insert(db);
      });
    });
    expect(count(db)).toBe(2);
  });

  it('goes with the transaction that fails around it', () => {
    expect(() =>
      db.transaction(() => {
        db.savepoint(() => insert(db));
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
    expect([count(db), db.inTransaction]).toEqual([0, false]);
  });

  it('hands on what its work returns', () => {
    expect(db.transaction(() => db.savepoint(() => 42))).toBe(42);
  });
});

const streamOf = (key: string): string => streamName('memory', 'user:alice', key);

const put = (key: string, value: object = { taste: 'black' }, requires: string[] = []): Step =>
  decideStep(
    memory,
    {
      type: 'WriteMemory',
      mode: 'put',
      namespace: 'user:alice',
      key,
      value: value as { taste: string },
      ...(requires.length > 0 && { session_id: requires[0]!.split(':')[1]! }),
    },
    { requires },
  );

const remove = (key: string): Step => decideStep(memory, { type: 'DeleteMemory', namespace: 'user:alice', key });

const createSession = (session_id: string): Step =>
  decideStep(session, {
    type: 'CreateSession',
    session_id,
    app_name: 'app',
    user_id: 'alice',
    project_id: null,
    metadata: {},
    state: {},
  });

const event = (words: string, event_id?: string) => ({
  ...(event_id === undefined ? {} : { event_id }),
  timestamp: NOW,
  event_type: 'message' as const,
  actor: 'user',
  content: { text: words },
  is_final_response: false,
});

const say = (session_id: string, words: string, expected?: number): Step =>
  decideStep(session, { type: 'AppendEvents', session_id, events: [event(words)] }, { expected });

const sayWithIds = (session_id: string, ...ids: string[]): Step =>
  decideStep(session, { type: 'AppendEvents', session_id, events: ids.map((id) => event(id, id)) });

const text = (data: object): string => (data as { content: { text: string } }).content.text;

const request = (steps: Step[], by: Partial<Caller> = {}): WriterRequest => ({
  kind: 'execute',
  work: { caller: caller({ time: NOW, ...by }), steps },
});

const failures = (settled: Settled[]): unknown[] =>
  settled.flatMap((result) => ('error' in result ? [result.error] : []));

const decisions = (settled: Settled): Decision[] => {
  if ('error' in settled) throw settled.error;
  return (settled.value as WorkAnswer).results as Decision[];
};

const commitOf = (orphan: NewEvent) => ({
  id: 'orphan',
  conditions: [],
  events: [orphan],
  proposer: { actor: 'tester', correlation_id: 'test' },
  time: NOW,
});

const orphanMemory = (): NewEvent => ({
  stream: streamOf('orphan'),
  type: 'MemoryWritten',
  data: {
    namespace: 'user:alice',
    key: 'orphan',
    version: 1,
    memory_type: 'semantic',
    value: {},
    metadata: {},
    operation: 'create',
    ttl_seconds: null,
    expires_at: null,
    task_id: null,
    session_id: 'nobody knows',
  },
});

/** Another process's writer on the same file. */
function neighbour(path: string): { db: Database; log: SqliteAuditLog } {
  const db = Database.open({ path, synchronous: 'NORMAL' });
  return { db, log: new SqliteAuditLog(db, catalog, directly(assembleWriter(db))) };
}

/** The product's writer, with something done at the beginning of each transaction. */
function writerOn(db: Database, onBegin: () => void): Writer {
  const projections = new Projections(db, new LogReader(db, catalog), projectors);
  const log = new LogWriter(db, catalog, (events) => projections.onAppend(events));
  const deciders = new Map<string, AnyDecider>([[memory.name, memory]]);
  const transactor = new Transactor(db, log, deciders, new Map(), catalog);
  return new Writer(db, log, transactor, {
    onBegin,
    onUndo: (position) => projections.onUndo(position),
    onRead: () => projections.settle(),
    onEnd: (position) => projections.onEnd(position),
    chores: {},
  });
}

/** Leaves room for so many pages only; returns how many pages there are. */
function fill(db: Database, room: number): number {
  const pages = db.pragma<number>('page_count');
  db.pragma(`max_page_count = ${pages + room}`);
  return pages;
}

const submit = (task_id: string): Step =>
  decideStep(task, {
    type: 'SubmitTask',
    task_id,
    prompt: 'do it',
    agent_type: 'general',
    priority: 5,
    input_data: {},
    max_retries: 3,
    max_execution_timeout_seconds: 60,
    parent_task_id: null,
    dependencies: [],
    session_id: null,
    procedure: null,
    outcome_namespace: null,
  });
