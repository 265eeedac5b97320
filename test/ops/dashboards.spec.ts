import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { load } from 'js-yaml';
import { dashboards, filledIn, metricsIn, misused, typesOf, type Panel } from '../support/ops/dashboards.js';
import { SmallLoad } from '../support/ops/load.js';
import { startPrometheus, type Prometheus } from '../support/ops/prometheus.js';
import { startServer, temporaryDirectory, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const all = dashboards();
const panels: [string, Panel][] = all.flatMap(([, { title, panels: own }]) =>
  own.map((panel): [string, Panel] => [`${title} · ${panel.title}`, panel]),
);

/** What was asked for, panel by panel. */
const ASKED = {
  'Database Performance': [
    'Query latency',
    'Database size and growth',
    'WAL file size and checkpoint',
    'Connection pool',
    'Cache hit',
  ],
  'Memory Operations': [
    'Session creation',
    'creation and update',
    'Namespace query',
    'consolidation jobs',
    'Version history growth',
  ],
  'Vector Search': [
    'Semantic search latency',
    'Embedding generation',
    'Document sync',
    'Vector index size',
    'Search relevance',
  ],
  'System Health': [
    'CPU and memory',
    'Disk I/O and space',
    'Network throughput',
    'Error rate and types',
    'Uptime and availability',
  ],
};

describe('R-O1 The dashboards', () => {
  it.each(Object.entries(ASKED))('%s has what was asked for', (title, asked) => {
    const own = all.find(([, dashboard]) => dashboard.title === title)![1].panels.map((panel) => panel.title);
    for (const name of asked) expect(own).toContainEqual(expect.stringContaining(name));
  });

  it.each(all)('%s lets its reader choose data source, job and instance', (_, { templating, uid, description }) => {
    expect(uid).toMatch(/^abathur-/);
    expect(description).toMatch(/\.$/);
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['job', 'query'],
      ['instance', 'query'],
    ]);
  });

  it.each(all)('%s has panels that do not overlap, each with an id of its own', (_, { panels: own }) => {
    expect(new Set(own.map(({ id }) => id)).size).toBe(own.length);
    const cells = own.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (__, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...own.map(({ gridPos: { x, w } }) => x + w))).toBeLessThanOrEqual(24);
  });

  it.each(panels)(
    '%s says what it shows, in which unit, and what to do',
    (_, { description, fieldConfig, links, targets, datasource }) => {
      expect(description).toMatch(/^[A-Z].{20,}\.$/s);
      expect(fieldConfig.defaults.unit).toMatch(/^(?:short|s|bytes|Bps|ops|percentunit)$/);
      expect(links).toHaveLength(1);
      const page = links![0]!.url.replace(/^.*\/(?=runbooks\/)/, '');
      expect([page, existsSync(page)]).toEqual([page, true]);
      for (const one of [{ datasource }, ...targets]) expect(one.datasource.uid).toBe('${datasource}');
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      for (const { legendFormat } of targets) expect(legendFormat).not.toBe('');
    },
  );

  it.each(panels)('%s asks for what was chosen, over windows that fit the scrapes', (_, { targets }) => {
    for (const { expr } of targets) {
      const names = metricsIn(expr).flatMap((name) => expr.match(new RegExp(`\\b${name}\\b`, 'g'))!);
      expect(expr.split('job=~"$job",instance=~"$instance"')).toHaveLength(names.length + 1);
      for (const [, window] of expr.matchAll(/(?:rate|increase)\([^[]*\[([^\]]+)\]/g))
        expect(['$__rate_interval', '$__range']).toContain(window);
    }
  });

  it.each(panels)('%s has thresholds where an alert has them', (_, { description, fieldConfig }) => {
    const { steps } = fieldConfig.defaults.thresholds;
    const alerting = /Alert:.*(?:above|less than|of the time|failures in a row)/.test(description);
    // Growth has its own axis, and no threshold of the size.
    const expected = alerting && !description.includes('MemoryGrowthRateHigh');
    expect(steps.length > 1 || !expected).toBe(true);
  });

  it('are provided to Grafana from where they lie', () => {
    const read = (path: string): unknown => load(readFileSync(`grafana/provisioning/${path}`, 'utf8'));
    expect(read('dashboards/abathur.yml')).toMatchObject({
      apiVersion: 1,
      providers: [{ type: 'file', options: { path: '/etc/abathur/grafana/dashboards' } }],
    });
    expect(read('datasources/prometheus.yml')).toMatchObject({ apiVersion: 1, datasources: [{ type: 'prometheus' }] });
  });
});

/** Everything in the dashboards, asked of a real Prometheus that scrapes the running product. */
describe('R-O1 The dashboards of a product that is used', () => {
  let server: TestServer;
  let prometheus: Prometheus;
  let used: SmallLoad;
  beforeAll(async () => {
    const directory = temporaryDirectory();
    const documents = join(directory, 'documents');
    used = new SmallLoad(await start(directory, documents), documents);
    prometheus = await startPrometheus({ targets: { abathur: [`127.0.0.1:${server.port}`] } });
    await until('the first scrape', () => prometheus.value('abathur_build_info'));
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 6; n++) await used.turn();
      await used.chores();
    }
    // What follows the writes has followed, and has been scraped.
    await until('everything that was written is counted', async () => {
      await used.turn();
      const versions = await prometheus.value('abathur_memory_versions');
      return (versions ?? 0) >= used.done.creates + used.done.updates - 4;
    });
    const { clicks } = used.done;
    await until('all feedback is counted', async () => {
      const counted = await prometheus.value('sum(abathur_search_feedback{signal="click"})');
      return counted === clicks;
    });
  }, 280_000);
  afterAll(async () => {
    await prometheus?.stop();
    await server?.stop();
  });

  async function start(directory: string, documents: string): Promise<string> {
    mkdirSync(documents, { recursive: true });
    server = await startServer({ ABATHUR_DOCUMENT_DIRS: documents, ABATHUR_EXTRACTION: 'off' }, directory);
    return server.url;
  }

  it.each(panels)('%s shows something', async (_, { targets }) => {
    for (const { expr } of targets) {
      const series = await prometheus.range(filledIn(expr), 90);
      const numbers = series.flatMap(({ values }) => values.map(([, value]) => value)).filter(Number.isFinite);
      expect([expr, numbers.length > 0]).toEqual([expr, true]);
    }
  });

  it.each(panels)('%s asks counters how fast they grow, and nothing else', async (_, { targets }) => {
    const types = typesOf(await (await fetch(`${server.url}/metrics`)).text());
    for (const { expr } of targets) {
      expect(metricsIn(expr).filter((name) => !types.has(name))).toEqual([]);
      expect([expr, misused(expr, types)]).toEqual([expr, []]);
    }
  });

  it('count what was done: no more and no less', async () => {
    const { done } = used;
    const counts: [string, number][] = [
      ['abathur_memory_operations_total{operation="update"}', done.updates],
      ['abathur_memory_operations_total{operation="delete"}', done.deletes],
      ['abathur_search_duration_seconds_count', done.searches + done.lists],
      ['abathur_search_feedback_given_total{signal="click"}', done.clicks],
      ['abathur_db_query_duration_seconds_count{read="memories.page"}', done.lists],
      ['abathur_http_requests_total{code="404"}', done.refused],
      ['abathur_errors_total{code="memory-not-found"}', done.refused],
      ['abathur_document_sync_runs_total{result="succeeded"}', done.syncs],
      ['abathur_consolidation_jobs_total{result="succeeded"}', done.consolidations],
      ['abathur_backup_runs_total{result="succeeded"}', done.backups],
    ];
    await until('the last scrape', async () => {
      const last = await prometheus.value('sum(abathur_http_requests_total{code="404"})');
      return last === done.refused;
    });
    const counted = await Promise.all(counts.map(async ([name]) => [name, await prometheus.value(`sum(${name})`)]));
    expect(Object.fromEntries(counted)).toMatchObject({
      ...Object.fromEntries(counts),
      // Folders are looked at once at the start, and whenever something in them changes.
      'abathur_document_sync_runs_total{result="succeeded"}': expect.any(Number),
    });
    expect(counted.find(([name]) => String(name).includes('sync_runs'))![1]).toBeGreaterThanOrEqual(done.syncs);
  });

  it('tell rates that add up to what was done', async () => {
    const created = panels.find(([name]) => name.includes('Session creation'))![1].targets[0]!;
    const [series] = await prometheus.range(filledIn(created.expr), 120);
    const area = series!.values.reduce((sum, [, rate]) => sum + rate, 0);
    expect(area).toBeGreaterThan(used.done.sessions * 0.5);
    expect(area).toBeLessThan(used.done.sessions * 1.5);
  });

  it('tell shares between nothing and everything', async () => {
    const shares = panels.flatMap(([, panel]) =>
      panel.fieldConfig.defaults.unit === 'percentunit' ? panel.targets.slice(0, 1) : [],
    );
    expect(shares.length).toBeGreaterThan(4);
    for (const { expr } of shares) {
      const series = await prometheus.range(filledIn(expr), 90);
      const values = series.flatMap((one) => one.values.map(([, value]) => value)).filter(Number.isFinite);
      expect([expr, Math.min(...values) >= 0]).toEqual([expr, true]);
    }
  });
});
