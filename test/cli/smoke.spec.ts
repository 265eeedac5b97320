import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { breakingProxy } from '../support/breaking-proxy.js';
import { abathur, type Ended } from '../support/cli.js';
import { startServer, temporaryDirectory, type TestServer } from '../support/server.js';

/** The cases that were promised, under their names. */
const PROMISED: Record<string, string[]> = {
  'Database Connectivity': [
    'Database connection successful',
    'All tables exist and accessible',
    'All indexes created',
    'PRAGMA integrity_check passes',
    'PRAGMA foreign_key_check passes',
  ],
  'Core Operations': [
    'Create session successfully',
    'Append event to session',
    'Update session state',
    'Terminate session',
    'Create memory entry (semantic)',
    'Update memory entry (version 2)',
    'Retrieve memory (current version)',
    'Search memories by namespace',
    'Query audit log for memory operations',
    'Create task with session linkage',
  ],
  'Performance Benchmarks': [
    'Session retrieval <10ms',
    'Memory retrieval <20ms',
    'Namespace query <50ms',
    '50 concurrent session reads <1s',
    'Semantic search <500ms',
    'Hybrid search <600ms',
    'Background sync processes file',
    'Index usage verified (EXPLAIN QUERY PLAN)',
  ],
  'Integration Workflows': [
    'Complete session → task → memory workflow',
    'Memory versioning (create, update, retrieve history)',
    'Namespace hierarchy access (user:alice:* queries)',
    'Semantic search returns relevant results',
    'Document sync detects file changes',
    'Memory consolidation resolves conflicts',
    'Audit trail captures all operations',
  ],
  'Error Handling': [
    'Invalid JSON in session.events rejected',
    'Duplicate session_id raises error',
    'Invalid memory_type raises error',
    'Foreign key violation (non-existent session_id) handled',
    'Concurrent session update conflict resolved',
  ],
};

interface Report {
  ok: boolean;
  passed: number;
  failed: number;
  skipped: number;
  cases: { category: string; name: string; result: string; reason?: string; p99?: number; limit?: number }[];
  left: { things: string[]; ended_tasks: number; writes: number };
}

/** A busy machine may take this many times the limits: what is looked at here is not how fast it is. */
const ALLOWANCE = '100';

const smoke = (url: string, ...more: string[]): Promise<Ended> =>
  abathur(['smoke', '--url', url, '--allowance', ALLOWANCE, ...more]);

describe('R-O5 abathur smoke', () => {
  let server: TestServer;
  const junit = join(temporaryDirectory(), 'smoke.xml');
  let before: object;
  let after: object;
  let fresh: { ended: Ended; report: Report };

  /** What a client finds that is not of the log. */
  const counts = async (): Promise<object> => {
    const of = async (path: string): Promise<number> => {
      const { items } = (await (await fetch(`${server.url}${path}`)).json()) as { items: unknown[] };
      return items.length;
    };
    return {
      sessions: await of('/v1/sessions?limit=1000'),
      memories: await of('/v1/memories?limit=1000&include_superseded=true'),
      namespaces: await of('/v1/namespaces?limit=1000'),
      documents: await of('/v1/documents?limit=1000'),
      conflicts: await of('/v1/memories/conflicts?limit=1000&status=open'),
      contexts: await of('/v1/context?limit=1000'),
      agents: await of('/v1/agents?limit=1000'),
      pending: await of('/v1/tasks?limit=1000&status=pending'),
      running: await of('/v1/tasks?limit=1000&status=running'),
    };
  };

  beforeAll(async () => {
    server = await startServer({ ABATHUR_DB_SYNCHRONOUS: 'NORMAL' });
    // Somebody else's things, of which the run must see and touch nothing.
    for (const namespace of ['user:alice:notes', 'user:smoke:notes', 'app:abathur-smoke'])
      await remember(server, namespace);
    before = await counts();
    const ended = await smoke(server.url, '--json', '--junit', junit);
    fresh = { ended, report: JSON.parse(ended.out) as Report };
    after = await counts();
  }, 300_000);
  afterAll(() => server.stop());

  it('passes all of its cases on a fresh server, 35 of them and more than 15 others', () => {
    const { report, ended } = fresh;
    expect(report.cases.filter(({ result }) => result === 'failed')).toEqual([]);
    expect(ended.code).toBe(0);
    expect(report.ok).toBe(true);
    expect(report.passed).toBeGreaterThanOrEqual(50);
    expect(report.passed + report.skipped).toBe(report.cases.length);
  });

  it('has the promised cases by name, in their categories, and skips none of them', () => {
    const cases = fresh.report.cases;
    for (const [category, names] of Object.entries(PROMISED)) {
      const own = cases.filter((one) => one.category === category);
      expect(own.map(({ name }) => name)).toEqual(names);
      expect(own.map(({ result }) => result)).toEqual(names.map(() => 'passed'));
    }
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  it('skips only what needs a key, and says so', () => {
    const skipped = fresh.report.cases.filter(({ result }) => result === 'skipped');
    expect(skipped.map(({ category, reason }) => [category, reason])).toEqual(
      skipped.map(() => ['Access', 'no --key was given']),
    );
  });

  it('R-O6 tells the measured times beside their limits', () => {
    const measured = fresh.report.cases.filter(({ p99 }) => p99 !== undefined);
    expect(measured.map(({ name, limit }) => [name, limit])).toEqual([
      ['Session retrieval <10ms', 10],
      ['Memory retrieval <20ms', 20],
      ['Namespace query <50ms', 50],
      ['50 concurrent session reads <1s', 1000],
      ['Semantic search <500ms', 500],
      ['Hybrid search <600ms', 600],
    ]);
  });

  it('leaves nothing behind, and says what a log keeps', () => {
    expect(after).toEqual(before);
    expect(fresh.report.left.things).toEqual([]);
    expect(fresh.report.left.writes).toBeGreaterThan(100);
  });

  it('writes what a build server reads', () => {
    const xml = readFileSync(junit, 'utf8');
    const { cases, skipped } = fresh.report;
    expect(xml.match(/<testcase /g)).toHaveLength(cases.length);
    expect(xml).toContain(`<testsuites name="abathur smoke" tests="${cases.length}" failures="0" skipped="${skipped}"`);
    expect(xml).toContain('classname="Performance Benchmarks" name="Session retrieval &lt;10ms"');
    const [opened, closed] = [xml.match(/<[\w-]+([^>]*[^/])?>/g)!, xml.match(/<\/[\w-]+>/g)!];
    expect(opened.length).toBe(closed.length);
  });

  it('runs only what is asked for, and tells people case by case', async () => {
    const { code, out } = await smoke(server.url, '--only', 'core operations: .*memory entry');
    expect(code).toBe(0);
    expect(out).toContain('Core Operations: 2 of 2\n  pass  Create memory entry (semantic) ');
    expect(out).toContain('2 passed, 0 failed, 0 skipped');
    expect(out).toContain('What it made is deleted. The log keeps its');
  });

  it('refuses a pattern that matches nothing, and one that is none', async () => {
    expect(await smoke(server.url, '--only', 'no such case')).toMatchObject({ code: 64, out: '' });
    expect(await smoke(server.url, '--only', '(')).toMatchObject({ code: 64, out: '' });
  });

  it('says that no server answers, or another one', async () => {
    const { code, err } = await smoke('http://127.0.0.1:1');
    expect({ code, err }).toEqual({ code: 69, err: expect.stringContaining('http://127.0.0.1:1') });
    const other = await breakingProxy(server.url, { answer: (answer) => void (answer.text = '{}') });
    expect(await smoke(other.url)).toMatchObject({ code: 69, err: expect.stringContaining('is not Abathur Memory') });
    other.close();
  });

  it('R-O8 skips what a load balancer keeps for operators, and says so', async () => {
    const balancer = await breakingProxy(server.url, {
      answer: (answer, { path }) => {
        if (!['/health', '/metrics'].includes(path)) return;
        Object.assign(answer, { status: 403, text: '<html>', headers: { 'content-type': 'text/html' } });
      },
    });
    const { code, out } = await smoke(balancer.url, '--json', '--only', 'connection successful|every part|metrics');
    balancer.close();
    const { cases } = JSON.parse(out) as Report;
    expect({ code, results: cases.map(({ result }) => result) }).toEqual({
      code: 0,
      results: ['passed', 'skipped', 'skipped'],
    });
    expect(cases[2]!.reason).toBe('GET /metrics is not shown to this address');
  });

  it('asks for a key where the deployment does', async () => {
    const closed = await breakingProxy(server.url, {
      answer: (answer, { path }) => void (path.startsWith('/v1/') && (answer.status = 401)),
    });
    expect(await smoke(closed.url)).toMatchObject({ code: 65, err: expect.stringContaining('--key') });
    closed.close();
  });

  it('takes away what it has made when it is stopped', async () => {
    const { code } = await abathur(['smoke', '--url', server.url, '--allowance', ALLOWANCE], {}, async (child) => {
      const begin = Date.now();
      while (Date.now() - begin < 60_000) {
        const { items } = (await (await fetch(`${server.url}/v1/sessions?app_name=abathur-smoke`)).json()) as {
          items: unknown[];
        };
        if (items.length > 2) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      child.kill('SIGINT');
    });
    expect(code).toBe(130);
    expect(await counts()).toEqual(before);
  });
});

async function remember({ url }: TestServer, namespace: string): Promise<void> {
  const address = `${url}/v1/memories/${encodeURIComponent(namespace)}/quokka`;
  const body = JSON.stringify({ value: { text: 'the quokka of somebody else' } });
  const { status } = await fetch(address, { method: 'PUT', headers: { 'content-type': 'application/json' }, body });
  expect(status).toBe(201);
}
