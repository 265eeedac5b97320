import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decideStep } from '#audit-log';
import type { Caller } from '#kernel';
import {
  archive,
  consolidate,
  memory,
  summariseEpisodes,
  type ConsolidationPorts,
  type Memory,
  type MemoryType,
} from '#memories';
import { ReadSide, sql, type ReaderPool } from '#storage';
import { caller, openTestHouse, type TestHouse } from '../support/house.js';

const DAY = 24 * 3600 * 1000;
const NOW = Date.parse('2026-06-01T00:00:00.000Z');
const daysAgo = (days: number): string => new Date(NOW - days * DAY).toISOString();

describe('The jobs of consolidation', () => {
  let house: TestHouse;
  let ports: ConsolidationPorts;
  /** Acts between a scan and what follows from it. */
  let meanwhile: (read: string) => Promise<void>;
  const now = (): Caller => caller({ time: new Date(NOW).toISOString(), correlation_id: 'run' });
  const chat = { model: 'none', ask: () => Promise.reject(new Error('Nobody is asked')) };

  beforeEach(() => {
    house = openTestHouse();
    meanwhile = () => Promise.resolve();
    const pool = {
      run: async (read: { name: string; run(db: unknown, input: unknown): unknown }, input: unknown) => {
        await meanwhile(read.name);
        return read.run(house.db, input);
      },
    };
    ports = {
      log: house.log,
      reads: new ReadSide(house.db, pool as unknown as ReaderPool),
      model: () => undefined,
      chat,
    };
  });
  afterEach(() => house.close());

  const write = (
    key: string,
    text: string,
    days: number,
    memory_type: MemoryType = 'episodic',
    namespace = 'user:alice',
  ) =>
    house.log.execute({
      caller: caller({ time: daysAgo(days) }),
      steps: [
        decideStep(memory, {
          type: 'WriteMemory',
          mode: 'put',
          namespace,
          key,
          memory_type,
          ttl_seconds: 10 ** 9,
          value: { text },
        }),
      ],
    });
  const listed = (): string[] =>
    house.db
      .all<{ key: string }>(
        sql`SELECT key FROM memory_entries WHERE replaced_at IS NULL AND is_deleted = 0
              AND consolidated_into IS NULL AND is_archived = 0 ORDER BY key`,
      )
      .map(({ key }) => key);
  const events = (): number => house.db.one<{ n: number }>(sql`SELECT count(*) AS n FROM audit`)!.n;
  const quiet = (): void => undefined;

  it('R-M12 old episodes of a namespace go into one summary, which they point to', async () => {
    for (let day = 0; day < 6; day++) await write(`day-${day}`, `Alice ran ${day + 3} km.`, 60 - day);
    await write('fresh', 'Alice rested.', 2);
    await write('fact', 'Alice runs.', 1, 'semantic');
    const input = { older_than_days: 30, llm: false, dry_run: false };
    const result = await summariseEpisodes(ports, now, input, quiet);
    expect(result).toMatchObject({ summarised: 6, skipped: [], summaries: [{ episodes: 6 }] });
    const [{ into }] = result.summaries as [{ into: { key: string } }];
    expect(listed()).toEqual([into.key, 'fact', 'fresh'].toSorted());
    const summary = house.db.one<{ id: number; value: string; memory_type: string; consolidated_from: string }>(
      sql`SELECT id, value, memory_type, consolidated_from FROM memory_entries WHERE key = ${into.key}`,
    )!;
    const value = JSON.parse(summary.value) as { summary: string; episodes: number };
    expect(value.episodes).toBe(6);
    expect(value.summary.split('\n')).toHaveLength(6);
    expect(value.summary).toMatch(/^2026-04-02: Alice ran 3 km\.\n/);
    expect(JSON.parse(summary.consolidated_from)).toHaveLength(6);
    const pointing = house.db.all(sql`SELECT 1 FROM memory_entries WHERE consolidated_into = ${summary.id}`);
    expect(pointing).toHaveLength(6);
    // Nothing is left for a second run.
    const before = events();
    expect(await summariseEpisodes(ports, now, input, quiet)).toMatchObject({ summarised: 0, summaries: [] });
    expect(events()).toBe(before);
  });

  it('R-M12 a summary is not written when an episode changes meanwhile, and a dry run writes none', async () => {
    for (let day = 0; day < 6; day++) await write(`day-${day}`, `Alice ran ${day + 3} km.`, 60 - day);
    const before = events();
    const input = { older_than_days: 30, llm: false };
    expect(await summariseEpisodes(ports, now, { ...input, dry_run: true }, quiet)).toMatchObject({ summarised: 6 });
    expect(events()).toBe(before);
    const model = { model: 'm', ask: () => write('day-3', 'Alice ran 7 km.', 1).then(() => ({ summary: 'She ran.' })) };
    const asked = { ...ports, chat: model };
    const result = await summariseEpisodes(asked, now, { ...input, llm: true, dry_run: false }, quiet);
    expect(result).toMatchObject({ summarised: 0, skipped: [{ namespace: 'user:alice' }] });
    expect(listed()).toHaveLength(6);
  });

  it('R-M12 what nobody has written for long is archived, and only that', async () => {
    await write('old', 'Alice ran.', 300);
    await write('old fact', 'Alice runs.', 300, 'semantic');
    await write('fresh', 'Alice ran.', 10);
    const input = { memory_type: 'episodic', older_than_days: 180 } as const;
    const before = events();
    expect(await archive(ports, now, { ...input, dry_run: true }, quiet)).toMatchObject({
      archived: 1,
      memories: [{ key: 'old', version: 1 }],
    });
    expect(events()).toBe(before);
    expect(await archive(ports, now, { ...input, dry_run: false }, quiet)).toMatchObject({ archived: 1 });
    expect(listed()).toEqual(['fresh', 'old fact']);
    expect(await archive(ports, now, { ...input, dry_run: false }, quiet)).toMatchObject({ archived: 0 });
  });

  it('R-M11 a group of which a member changes between scan and write is skipped whole, the others are not', async () => {
    await write('a1', 'The gate code is 4711.', 9, 'semantic');
    await write('a2', 'The gate code is 4711.', 8, 'semantic');
    await write('b1', 'The gate opens at nine.', 7, 'semantic');
    await write('b2', 'The gate opens at 9.', 6, 'semantic');
    meanwhile = async (read) => {
      if (read === 'conflicts.settled') await write('a1', 'The gate code is 4712.', 1, 'semantic');
    };
    const input = { strategy: 'last_write_wins', dry_run: false } as const;
    const result = await consolidate(ports, now, input, quiet);
    expect(result).toMatchObject({ found: 2, consolidated: 1, skipped: 1 });
    expect(listed()).toEqual(['a1', 'a2', 'b2']);
    const kept = house.db.one<{ id: number }>(sql`SELECT count(*) AS id FROM memory_conflicts`);
    expect(kept).toEqual({ id: 1 });
  });

  it('R-M11 nothing brings back what was deleted between scan and write', async () => {
    await write('a1', 'The gate code is 4711.', 9, 'semantic');
    await write('a2', 'The gate code is 4711.', 8, 'semantic');
    const address = { namespace: 'user:alice', key: 'a2' };
    meanwhile = async (read) => {
      if (read !== 'conflicts.settled') return;
      await house.log.execute({ caller: now(), steps: [decideStep(memory, { type: 'DeleteMemory', ...address })] });
    };
    const result = await consolidate(ports, now, { strategy: 'merge', dry_run: false }, quiet);
    expect(result).toMatchObject({ consolidated: 0, skipped: 1 });
    expect(listed()).toEqual(['a1']);
  });

  it('R-M11 two runs at once consolidate each group once', async () => {
    for (let n = 0; n < 20; n++) {
      await write(`${n}-a`, `Locker ${n} is blue.`, 9, 'semantic');
      await write(`${n}-b`, `locker ${n} is blue`, 8, 'semantic');
    }
    const run = () => consolidate(ports, now, { strategy: 'merge', dry_run: false }, quiet);
    const results = await Promise.all([run(), run()]);
    expect(results.reduce((sum, { consolidated }) => sum + consolidated, 0)).toBe(20);
    expect(listed()).toHaveLength(20);
    const versions = house.db.all<Pick<Memory, 'version'>>(
      sql`SELECT version FROM memory_entries WHERE replaced_at IS NULL AND consolidated_into IS NULL`,
    );
    expect(versions.every(({ version }) => version === 2)).toBe(true);
  });
});
