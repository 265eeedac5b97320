import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from '#storage';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { ReadAudit } from './read-audit.js';
import type { RecordedRead } from './read-audit.events.js';

const read = (n: number): RecordedRead => ({
  time: '2026-01-01T00:00:00.000Z',
  request_id: `r${n}`,
  operation: 'get',
  outcome: 'answered',
  results: 1,
});

describe('The audit of reads', () => {
  let house: TestHouse;
  beforeEach(() => {
    house = openTestHouse();
  });
  afterEach(() => house.close());

  const entries = (): { actor: string; namespace: string | null; reads: RecordedRead[] }[] =>
    house.db
      .all<{ actor: string; namespace: string | null; data: string }>(
        sql`SELECT actor, memory_namespace AS namespace, data FROM audit WHERE type = 'MemoriesRead' ORDER BY position`,
      )
      .map(({ data, ...entry }) => ({ ...entry, ...(JSON.parse(data) as { reads: RecordedRead[] }) }));

  /** Writes go wrong while `fails` says so: before they have happened, or after. */
  function audit(fails: () => 'before' | 'after' | undefined, told: unknown[] = []): ReadAudit {
    return new ReadAudit({
      log: {
        execute: async (work) => {
          const failure = fails();
          if (failure === 'before') throw new Error('no space');
          const answer = await house.log.execute(work);
          if (failure === 'after') throw new Error('nobody heard the answer');
          return answer;
        },
      },
      caller: () => caller(),
      onFailure: (error, waiting, lost) => told.push([(error as Error).message, waiting, lost]),
    });
  }

  it('R-A7 puts together what one has read of one namespace, and nothing else', async () => {
    const reads = audit(() => undefined);
    for (let n = 0; n < 4; n++) reads.note({ actor: 'a', namespace: 'user:x', session_id: null }, read(n));
    reads.note({ actor: 'b', namespace: 'user:x', session_id: null }, read(4));
    reads.note({ actor: 'a', namespace: null, session_id: null }, read(5));
    await reads.flush();
    expect(entries().map(({ actor, namespace, reads: of }) => [actor, namespace, of.length])).toEqual([
      ['a', 'user:x', 4],
      ['b', 'user:x', 1],
      ['a', null, 1],
    ]);
  });

  it('R-A7 bounds an entry, and loses none of many', async () => {
    const reads = audit(() => undefined);
    for (let n = 0; n < 1234; n++) reads.note({ actor: 'a', namespace: 'user:x', session_id: null }, read(n));
    await reads.flush();
    expect(entries().map((entry) => entry.reads.length)).toEqual([500, 500, 234]);
    expect(new Set(entries().flatMap((entry) => entry.reads.map(({ request_id }) => request_id))).size).toBe(1234);
  });

  it.each(['before', 'after'] as const)('R-A7 writes each once when writing fails %s it has happened', async (when) => {
    let failure: 'before' | 'after' | undefined = when;
    const told: unknown[] = [];
    const reads = audit(() => failure, told);
    reads.note({ actor: 'a', namespace: 'user:x', session_id: null }, read(1));
    await reads.flush();
    expect(told).toEqual([[expect.any(String), 1, 0]]);
    failure = undefined;
    reads.note({ actor: 'a', namespace: 'user:x', session_id: null }, read(2));
    await reads.flush();
    expect(entries().flatMap((entry) => entry.reads.map(({ request_id }) => request_id))).toEqual(['r1', 'r2']);
  });

  it('R-A7 keeps no more than fits into memory while nothing can be written, and says how many it let go of', async () => {
    const told: unknown[] = [];
    const reads = audit(() => 'before', told);
    for (let n = 0; n < 100_600; n++) reads.note({ actor: 'a', namespace: 'user:x', session_id: null }, read(n));
    await reads.flush();
    const lost = (told as [string, number, number][]).reduce((sum, [, , gone]) => sum + gone, 0);
    const [, waiting] = told.at(-1) as [string, number, number];
    expect(waiting).toBeLessThanOrEqual(100_000);
    expect(waiting + lost).toBe(100_600);
  });
});
