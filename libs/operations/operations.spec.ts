import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DomainError } from '#kernel';
import { ReadSide, sql, type Read } from '#storage';
import { openTestHouse, type TestHouse } from '../../test/support/house.js';
import { machineSeconds } from './machine-time.js';
import { LEASE_SECONDS, type Operation } from './operation.js';
import { Operations, type OperationObserver } from './operations.js';

const silentObserver: OperationObserver = { started: () => undefined, ended: () => undefined };

describe('An operation', () => {
  let house: TestHouse;
  let one: Operations;
  /** Another process on the file. */
  let other: Operations;
  beforeEach(() => {
    house = openTestHouse();
    const pool = { run: async <I, A>(read: Read<I, A>, input: I) => read.run(house.db, input) };
    const reads = new ReadSide(house.db, pool as never);
    [one, other] = [new Operations(house.log, reads, silentObserver), new Operations(house.log, reads, silentObserver)];
  });
  afterEach(async () => {
    await one.close();
    house.close();
  });

  const tidy = (more: object = {}): Promise<unknown> =>
    house.log.chore('tidy-operations', { time: new Date().toISOString(), uptime: machineSeconds(), ...more });
  const never = new Promise<object>(() => undefined);
  const silentFor = (id: string, seconds: number): unknown =>
    house.db.run(sql`UPDATE operations SET beat = beat - ${seconds} WHERE operation_id = ${id}`);

  it('R-M12 is seen by every process: running, and then what came of it', async () => {
    let finish!: (result: object) => void;
    const begun = await one.start('test', () => new Promise((resolve) => (finish = resolve)));
    expect(other.get(begun.id)).toEqual(begun);
    expect(begun).toMatchObject({ kind: 'test', status: 'running', result: null, error: null, finished_at: null });
    finish({ found: 3 });
    await ended(begun.id);
    expect(other.get(begun.id)).toMatchObject({
      status: 'succeeded',
      result: { found: 3 },
      finished_at: expect.any(String),
    });
  });

  it('says its id to its work, which is what its events are found by', async () => {
    let told = '';
    const { id } = await one.run('test', async (_, given) => ({ told: (told = given) }));
    expect(told).toBe(id);
  });

  it('fails with the reason when it was expected, and with nothing of the inside when not', async () => {
    const refused = await one.run('test', () =>
      Promise.reject(new DomainError('conflict', 'taken', 'That is taken already.')),
    );
    expect(other.get(refused.id)).toMatchObject({ status: 'failed', error: 'That is taken already.', result: null });
    const broken = await one.run('test', () => Promise.reject(new Error('SQLITE at line 7')));
    expect(other.get(broken.id)).toMatchObject({
      status: 'failed',
      error: 'It failed unexpectedly; the log says why.',
    });
  });

  it('shows how far it is', async () => {
    const { id } = await one.start('test', (report) => {
      report({ done: 3, total: 7 });
      return never;
    });
    for (let n = 0; n < 100 && other.get(id)!.progress.done === 0; n++) await sleep(50);
    expect(other.get(id)).toMatchObject({ status: 'running', progress: { done: 3, total: 7 } });
  });

  it('is interrupted, not running for ever, when its process gives no sign of life', async () => {
    const { id } = await one.start('test', () => never);
    silentFor(id, LEASE_SECONDS - 2);
    expect(other.get(id)!.status).toBe('running');
    silentFor(id, 5);
    expect(other.get(id)!.status).toBe('interrupted');
    expect((await other.page({ status: 'interrupted', limit: 10 })).items.map((item) => item.id)).toEqual([id]);
    expect((await other.page({ status: 'running', limit: 10 })).items).toEqual([]);
    await tidy();
    expect(other.get(id)).toMatchObject({ status: 'interrupted', finished_at: expect.any(String) });
  });

  it('is interrupted when its sign of life is from before the machine started anew', async () => {
    const { id } = await one.start('test', () => never);
    silentFor(id, -3600);
    expect(other.get(id)!.status).toBe('interrupted');
  });

  it('that was taken for dead and lives ends as it ends; what has ended stays so', async () => {
    let finish!: (result: object) => void;
    const { id } = await one.start('test', () => new Promise((resolve) => (finish = resolve)));
    silentFor(id, LEASE_SECONDS + 5);
    await tidy();
    expect(other.get(id)!.status).toBe('interrupted');
    finish({});
    await ended(id);
    const done = other.get(id)!;
    expect(done.status).toBe('succeeded');
    await house.log.chore('report-operations', [{ ...done, status: 'running', uptime: machineSeconds() }]);
    expect(other.get(id)).toEqual(done);
  });

  it('ends with its process when that is stopped', async () => {
    const { id } = await one.start('test', () => never);
    await one.close();
    expect(other.get(id)).toMatchObject({ status: 'interrupted', error: 'The program was stopped.' });
  });

  describe('that is to be alone', () => {
    const ALONE = { kinds: ['test', 'job.test'], code: 'test-running', message: 'A test is running.' };

    it('is begun once, however many ask at once, in whichever process; who comes second is told which one it is', async () => {
      const asked = await Promise.allSettled(
        [one, other, one, other].map((on) => on.startAlone('test', () => never, ALONE)),
      );
      const [begun, ...more] = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
      expect(more).toEqual([]);
      const refused = asked.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as DomainError] : []));
      expect(refused.map(({ kind, code }) => `${kind} ${code}`)).toEqual(Array(3).fill('conflict test-running'));
      for (const { details } of refused) expect(details.hint).toContain(`GET /v1/operations/${begun!.id} `);
      expect((await other.page({ kind: 'test', limit: 10 })).items).toHaveLength(1);
    });

    it('is refused beside each kind that it names, and beside no other', async () => {
      await one.start('other', () => never);
      await expect(other.startAlone('test', async () => ({}), ALONE)).resolves.toMatchObject({ kind: 'test' });
      const { id } = await one.start('job.test', () => never);
      await expect(other.startAlone('test', async () => ({}), ALONE)).rejects.toMatchObject({
        details: { hint: expect.stringContaining(id) },
      });
    });

    it('is begun after one that has ended, or whose process gives no sign of life', async () => {
      await one.run('test', async () => ({}));
      const { id } = await one.startAlone('test', () => never, ALONE);
      silentFor(id, LEASE_SECONDS + 5);
      await expect(other.startAlone('test', () => never, ALONE)).resolves.toMatchObject({ status: 'running' });
      await other.close();
    });

    it('is the same one to who asks again under the same key, also while it runs', async () => {
      const by = { time: new Date().toISOString(), idempotency: { key: 'k', fingerprint: 'f' } };
      const [first, again] = await Promise.all([one, other].map((on) => on.startAlone('test', () => never, ALONE, by)));
      expect(again!.id).toBe(first!.id);
    });
  });

  it('is forgotten after 90 days, or when a thousand of its kind came after it; never while it runs', async () => {
    const report = (id: string, more: Partial<Operation> = {}) => ({
      ...template,
      id,
      kind: 'many',
      uptime: machineSeconds(),
      ...more,
    });
    const first = await one.start('many', () => never);
    await house.log.chore(
      'report-operations',
      Array.from({ length: 1002 }, (_, n) => report(`many-${n}`)),
    );
    await house.log.chore('report-operations', [
      report('old', { kind: 'rare', started_at: '2020-01-01T00:00:00.000Z' }),
    ]);
    await tidy();
    expect(['many-1', 'old', 'many-2'].map((id) => other.get(id) !== undefined)).toEqual([false, false, true]);
    expect(other.get(first.id)!.status).toBe('running');
  });

  it('is listed page by page, newest first, by kind and by status', async () => {
    for (const kind of ['a', 'b', 'a', 'a']) await one.run(kind, async () => ({}));
    const page = await other.page({ kind: 'a', status: 'succeeded', limit: 2 });
    const rest = await other.page({ kind: 'a', status: 'succeeded', limit: 2, cursor: page.next_cursor! });
    expect([page.items.length, rest.items.length, rest.next_cursor]).toEqual([2, 1, null]);
    await expect(async () => other.page({ kind: 'b', limit: 2, cursor: page.next_cursor! })).rejects.toThrow('cursor');
  });

  async function ended(id: string): Promise<void> {
    for (let n = 0; n < 200 && other.get(id)!.result === null; n++) await sleep(10);
  }
});

const template: Operation = {
  id: '',
  kind: '',
  status: 'succeeded',
  progress: { done: 0, total: 0 },
  result: {},
  error: null,
  started_at: new Date().toISOString(),
  finished_at: null,
};
