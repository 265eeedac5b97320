import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { breakingProxy } from '../support/breaking-proxy.js';
import { abathur, type Ended } from '../support/cli.js';
import { BREAKAGES, type NoticedBreakage } from '../support/smoke-breakages.js';
import { startServer, type TestServer } from '../support/server.js';

interface Report {
  passed: number;
  cases: { category: string; name: string; result: string; reason?: string }[];
  left: { things: string[] };
}

/** A busy machine may take this many times the limits: what is looked at here is not how fast it is. */
const ALLOWANCE = '100';
const MEASURED = 'Performance Benchmarks';

const smoke = (url: string, ...more: string[]): Promise<Ended> =>
  abathur(['smoke', '--url', url, '--allowance', ALLOWANCE, '--json', ...more]);

describe('R-O5 abathur smoke notices a deployment where', () => {
  let server: TestServer;
  let whole: Report['cases'];
  const noticed = new Map<string, { failed: Report['cases']; passed: number; left: string[]; code: number | null }>();

  const measure = async (breakage: NoticedBreakage): Promise<void> => {
    const proxy = await breakingProxy(server.url, breakage);
    // Measuring takes longest, and matters only where something measured is broken.
    const measured = whole.some(({ category, name }) => category === MEASURED && breakage.noticed.includes(name));
    const ended = await smoke(proxy.url, ...(measured ? [] : ['--only', '^(?!Performance)']));
    proxy.close();
    if (ended.out === '') throw new Error(`${breakage.what}: ${ended.err}`);
    const { cases, left, passed } = JSON.parse(ended.out) as Report;
    const failed = cases.filter(({ result }) => result === 'failed');
    noticed.set(breakage.what, { failed, passed, left: left.things, code: ended.code });
  };

  beforeAll(async () => {
    server = await startServer({ ABATHUR_DB_SYNCHRONOUS: 'NORMAL' });
    whole = (JSON.parse((await smoke(server.url)).out) as Report).cases;
    const waiting = [...BREAKAGES];
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await measure(next);
    };
    await Promise.all([lane(), lane(), lane()]);
  }, 1_800_000);
  afterAll(() => server.stop());

  it.each(BREAKAGES.map(({ what, noticed: names }) => [what, names] as const))('%s', (what, names) => {
    const { failed, passed, left, code } = noticed.get(what)!;
    expect(failed.filter(({ name }) => !names.includes(name))).toEqual([]);
    expect(failed.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    expect({ left, code }).toEqual({ left: [], code: 1 });
    expect(passed).toBeGreaterThan(45);
  });

  it('any of its cases is not kept, but for three that only measure', () => {
    const covered = new Set(BREAKAGES.flatMap(({ noticed: names }) => names));
    const measured = ['Memory retrieval <20ms', '50 concurrent session reads <1s', 'Semantic search <500ms'];
    const uncovered = whole.filter(({ name, result }) => result === 'passed' && !covered.has(name));
    expect(uncovered.map(({ name }) => name)).toEqual(measured);
  });
});
