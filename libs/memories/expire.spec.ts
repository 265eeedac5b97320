import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decideStep, verifySlice } from '#audit-log';
import { canonicalJson } from '#kernel';
import { sql } from '#storage';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { expireEnded, type ExpiryRun } from './expire.js';
import { memory, type MemoryCommand } from './memory.decider.js';
import { memoriesPage, memoryIfAny, memoryVersion } from './memory.reads.js';
import type { Memory } from './memory.row.js';
import { namespacesPage } from './namespace.reads.js';
import { searchMemories } from './memory.search.js';

const T0 = '2026-01-01T00:00:00.000Z';
const later = (days: number, from = T0): string => new Date(Date.parse(from) + days * 24 * 3600 * 1000).toISOString();
const DAY = 24 * 3600;

describe('R-M10 Memories fade', () => {
  let house: TestHouse;
  beforeEach(() => {
    house = openTestHouse();
  });
  afterEach(() => house.close());

  const at = (time: string, ...commands: MemoryCommand[]) =>
    house.log.execute({ caller: caller({ time }), steps: commands.map((command) => decideStep(memory, command)) });
  const put = (key: string, more: object = {}): MemoryCommand => ({
    type: 'WriteMemory',
    mode: 'put',
    namespace: 'user:alice',
    key,
    value: { text: `walk ${key}` },
    memory_type: 'episodic',
    ...more,
  });
  const sweep = (time: string, more: Partial<ExpiryRun> = {}) =>
    expireEnded({
      log: house.log,
      reads: { scan: async (read, input) => read.run(house.db, input) },
      caller: () => caller({ time, correlation_id: 'sweep' }),
      dry_run: false,
      report: () => undefined,
      signal: new AbortController().signal,
      ...more,
    });
  const get = (key: string, now: string, as_of?: number): Memory | null =>
    house.ask(memoryIfAny, { namespace: 'user:alice', key, now, as_of });
  const listed = (now: string, more: object = {}): string[] =>
    house.ask(memoriesPage, { limit: 100, now, ...more }).items.map(({ key }) => key);
  const found = (now: string, more: object = {}): string[] =>
    house
      .ask(searchMemories, {
        query: 'walk',
        mode: 'keyword',
        fusion: 'weighted',
        weights: { words: 1, meaning: 0 },
        limit: 100,
        threshold: 0,
        explain: false,
        now,
        ...more,
      })
      .results.map(({ key }: Memory) => key)
      .toSorted();
  const counted = (now: string): unknown => house.ask(namespacesPage, { limit: 10, now }).items;
  const expiries = (): unknown[] =>
    house.db.all(
      sql`SELECT memory_operation, memory_entry_id AS id, correlation_id FROM audit WHERE type = 'MemoryExpired'`,
    );

  it('when their time is over: at once everywhere, also before the job has come by', async () => {
    await at(T0, put('brief', { ttl_seconds: DAY }), put('long'), put('fact', { memory_type: 'semantic' }));
    const before = later(0.99);
    const after = later(1);
    expect([get('brief', before)?.is_deleted, get('brief', after)]).toEqual([false, null]);
    expect([listed(before).length, listed(after)]).toEqual([3, ['fact', 'long']]);
    expect([found(before).length, found(after)]).toEqual([3, ['fact', 'long']]);
    expect(found(after, { namespace_prefix: 'user:alice', memory_type: 'episodic' })).toEqual(['long']);
    expect([counted(before), counted(after)]).toEqual([
      [{ namespace: 'user:alice', count: 3 }],
      [{ namespace: 'user:alice', count: 2 }],
    ]);
    expect(listed(after, { include_deleted: true })).toHaveLength(3);
    const shown = (now: string): string =>
      canonicalJson(house.ask(memoriesPage, { limit: 9, include_deleted: true, now }).items);
    const unswept = shown(after);
    expect(unswept).toContain('"is_deleted":true');
    // The event changes nothing about what is shown.
    expect(await sweep(after)).toEqual({ expired: 1, ids: [1] });
    expect(shown(after)).toBe(unswept);
    expect(expiries()).toEqual([{ memory_operation: 'expire', id: 1, correlation_id: 'sweep' }]);
  });

  it('after 90 days when they are episodic, and never otherwise', async () => {
    await at(T0, put('episode'), put('fact', { memory_type: 'semantic' }), put('way', { memory_type: 'procedural' }));
    expect(await sweep(later(89))).toEqual({ expired: 0, ids: [] });
    expect(await sweep(later(90))).toEqual({ expired: 1, ids: [1] });
    expect(await sweep(later(10_000))).toEqual({ expired: 0, ids: [] });
    expect(listed(later(10_000)).toSorted()).toEqual(['fact', 'way']);
  });

  it('as a dry run tells, which changes nothing', async () => {
    await at(T0, put('a', { ttl_seconds: 60 }), put('b', { ttl_seconds: 61 }));
    const { position } = await house.log.head();
    expect(await sweep(later(1), { dry_run: true })).toEqual({ expired: 2, ids: [1, 2] });
    expect((await house.log.head()).position).toBe(position);
    expect(await sweep(later(1))).toEqual({ expired: 2, ids: [1, 2] });
  });

  it('in pages, and a run that was stopped is gone on with', async () => {
    for (let n = 0; n < 5; n++)
      await at(T0, ...Array.from({ length: 50 }, (_, m) => put(`k${n}-${m}`, { ttl_seconds: 60 })));
    const stop = new AbortController();
    const run = sweep(later(1), { signal: stop.signal, report: ({ done }) => done >= 100 && stop.abort() });
    await expect(run).rejects.toThrow('aborted');
    expect(expiries()).toHaveLength(100);
    expect((await sweep(later(1))).expired).toBe(150);
    expect(house.ask(verifySlice, { from: 1, to: 500 }).broken_at).toBeUndefined();
  });

  it('and the past shows them as they were then', async () => {
    await at(T0, put('a', { ttl_seconds: DAY }));
    const [written] = [(await house.log.head()).position];
    await at(later(0.5), put('b', { ttl_seconds: DAY * 9 }));
    const between = (await house.log.head()).position;
    await sweep(later(2));
    const swept = (await house.log.head()).position;
    expect([get('a', T0, written)?.key, get('a', later(0.5), between)?.key]).toEqual(['a', 'a']);
    expect(get('a', later(1.5), between)).toBeNull();
    expect(get('a', later(2), swept)).toBeNull();
    expect(listed(later(0.5), { as_of: between })).toEqual(['b', 'a']);
    expect(listed(later(2), { as_of: swept })).toEqual(['b']);
    expect(found(later(0.5), { as_of: between })).toEqual(['a', 'b']);
    expect(found(later(1.5), { as_of: between })).toEqual(['b']);
  });

  describe('and nothing in the background brings one back, or takes one that somebody has just written', () => {
    /** What happens between the look of the job and its write. */
    const meanwhile = async (...commands: MemoryCommand[]): Promise<unknown> => {
      await at(T0, put('a', { ttl_seconds: 60 }));
      const execute: ExpiryRun['log']['execute'] = async (work) => {
        await at(later(1), ...commands);
        return house.log.execute(work);
      };
      return sweep(later(1), { log: { execute } });
    };

    it('written anew: stays', async () => {
      expect(await meanwhile(put('a', { value: { text: 'new' } }))).toEqual({ expired: 0, ids: [] });
      expect(get('a', later(1))).toMatchObject({ version: 2, value: { text: 'new' } });
    });

    it('restored: stays, with another life', async () => {
      expect(await meanwhile({ type: 'RestoreMemory', namespace: 'user:alice', key: 'a' })).toMatchObject({
        expired: 0,
      });
      expect(get('a', later(1))).toMatchObject({ version: 2, expires_at: later(1 + 60 / DAY) });
    });

    it('expired by somebody else: once', async () => {
      const expire: MemoryCommand = {
        type: 'ExpireMemory',
        namespace: 'user:alice',
        key: 'a',
        version: 1,
        reason: 'age',
      };
      expect(await meanwhile(expire)).toMatchObject({ expired: 0 });
      expect(expiries()).toHaveLength(1);
    });

    it('deleted before: stays deleted, whatever comes', async () => {
      await at(T0, put('b', { ttl_seconds: 60 }), { type: 'DeleteMemory', namespace: 'user:alice', key: 'b' });
      await sweep(later(1));
      await sweep(later(200));
      expect(get('b', later(200))).toBeNull();
      expect(expiries()).toEqual([]);
    });

    it('swept by two at once: each once', async () => {
      await at(T0, ...Array.from({ length: 120 }, (_, n) => put(`k${n}`, { ttl_seconds: 60 })));
      const [one, two] = await Promise.all([sweep(later(1)), sweep(later(1))]);
      expect(one.expired + two.expired).toBe(120);
      expect(expiries()).toHaveLength(120);
    });
  });

  it('and what has been made from them stays readable by its version', async () => {
    await at(T0, put('a', { ttl_seconds: 60 }));
    await sweep(later(1));
    expect(house.ask(memoryVersion, 1)).toMatchObject({ key: 'a', version: 1 });
  });
});
