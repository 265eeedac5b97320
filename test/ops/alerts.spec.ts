import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { dump, load } from 'js-yaml';
import { Database, sql } from '#storage';
import { damage } from '../support/damage.js';
import { startOllama, type OllamaDouble } from '../support/ollama-double.js';
import { ended } from '../support/operations.js';
import { switchJobsOff } from '../support/ops/jobs.js';
import { pointedAt, startAlertmanager, type Alertmanager } from '../support/ops/alertmanager.js';
import { faster } from '../support/ops/faster.js';
import { startPrometheus, type Prometheus } from '../support/ops/prometheus.js';
import { startReceivers, type Notice, type Receiver, type Receivers } from '../support/ops/receivers.js';
import { smallDisk, type SmallDisk } from '../support/ops/small-disk.js';
import { startServer, temporaryDirectory, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

/** Servers to which what the alerts are about is done; the name is that of the job under which each is scraped. */
type Name = 'usual' | 'ollama' | 'busy' | 'small';

/**
 * Each of the 13 alerts from its cause in the running product to whoever hears of it, and back: the rules are those that are
 * delivered, sixty times as fast; the routes are those of deploy/alertmanager.yml.
 */
describe('R-O2 The 13 alerts, for real', () => {
  const servers = {} as Record<Name, TestServer>;
  let documents: string;
  let ollama: OllamaDouble;
  let disk: SmallDisk;
  let receivers: Receivers;
  let alertmanager: Alertmanager;
  let prometheus: Prometheus;

  beforeAll(async () => {
    documents = join(temporaryDirectory(), 'documents');
    mkdirSync(documents);
    ollama = await startOllama();
    disk = smallDisk(100);
    const embedded = { ABATHUR_EMBEDDINGS: 'ollama', OLLAMA_HOST: ollama.url };
    // One reader, and nothing that writes by itself.
    const busy = { ABATHUR_DB_POOL_MIN: '1', ABATHUR_DB_POOL_MAX: '1', ABATHUR_BACKGROUND: 'off' };
    servers.usual = await startServer({ ABATHUR_DOCUMENT_DIRS: documents, ABATHUR_DOCUMENT_DEBOUNCE_MS: '100' });
    servers.ollama = await startServer(embedded);
    servers.busy = await startServer({ ...busy, ABATHUR_DB_SYNCHRONOUS: 'NORMAL' });
    servers.small = await startServer({}, disk.path);
    await Promise.all(Object.values(servers).map(switchJobsOff));
    receivers = await startReceivers();
    alertmanager = await startAlertmanager(pointedAt(readFileSync('deploy/alertmanager.yml', 'utf8'), receivers));
    prometheus = await startPrometheus({
      targets: Object.fromEntries(Object.entries(servers).map(([name, { port }]) => [name, [`127.0.0.1:${port}`]])),
      rules: [quickRules()],
      alertmanager: alertmanager.address,
    });
    await until('all are scraped', async () => (await prometheus.value('sum(up)')) === Object.keys(servers).length);
  }, 120_000);

  afterAll(async () => {
    await prometheus?.stop();
    await alertmanager?.stop();
    await receivers?.close();
    await Promise.all(Object.values(servers).map((server) => server.stop()));
    disk?.unmount();
    await ollama?.close();
  });

  async function send(name: Name, method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const headers = body && { 'content-type': 'application/json' };
    const answer = await fetch(`${servers[name].url}${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  }

  async function operation(name: Name, path: string, body?: object): Promise<void> {
    const { id } = await send(name, 'POST', path, body);
    expect(await ended(servers[name], id as string)).toMatchObject({ status: 'succeeded' });
  }

  const remember = (name: Name, key: string, text: string) =>
    send(name, 'PUT', `/v1/memories/user:alice/${key}`, { value: { text }, memory_type: 'semantic' });

  const about = (alertname: string): Notice[] => receivers.notices.filter(({ text }) => text.includes(alertname));
  const heardBy = (alertname: string): Receiver[] =>
    [...new Set(about(alertname).map(({ receiver }) => receiver))].toSorted();

  /** It fires, and those whom it wakes hear of it; then it is over, and they hear of that, too. */
  async function wakes(alertname: string, job: Name, cure: () => unknown): Promise<void> {
    expect((await prometheus.firing(alertname)).labels).toMatchObject({ job, severity: 'critical' });
    const page = await receivers.arrived('pagerduty', 'firing', alertname);
    const call = await receivers.arrived('opsgenie', 'firing', alertname);
    expect(page.body).toMatchObject({ event_action: 'trigger', payload: { severity: 'critical' } });
    expect(page.text).toContain('/runbooks/');
    await cure();
    await prometheus.quiet(alertname);
    const { dedup_key } = page.body as { dedup_key: string };
    const { alias } = call.body as { alias: string };
    await until(`${alertname} is resolved for the pager`, () =>
      receivers.notices.some(
        ({ receiver, status, text }) => receiver === 'pagerduty' && status === 'resolved' && text.includes(dedup_key),
      ),
    );
    await until(`${alertname} is closed`, () =>
      receivers.notices.some(
        ({ receiver, status, subject }) => receiver === 'opsgenie' && status === 'resolved' && subject.includes(alias),
      ),
    );
    expect(heardBy(alertname)).toEqual(['opsgenie', 'pagerduty']);
  }

  /** The same for those who are to look at it in time. */
  async function warns(alertname: string, job: Name, cure: () => unknown): Promise<void> {
    expect((await prometheus.firing(alertname)).labels).toMatchObject({ job, severity: 'warning' });
    await receivers.arrived('slack', 'firing', alertname);
    await receivers.arrived('mail', 'firing', alertname);
    await cure();
    await prometheus.quiet(alertname, { seconds: 90 });
    await receivers.arrived('slack', 'resolved', alertname);
    await receivers.arrived('mail', 'resolved', alertname);
    expect(heardBy(alertname)).toEqual(['mail', 'slack']);
  }

  /** News is told once, in the chat, and ends by itself. */
  async function tells(alertname: string, job: Name): Promise<Notice> {
    const notice = await receivers.arrived('slack', 'firing', alertname);
    expect(notice.body).toMatchObject({ channel: '#abathur' });
    await prometheus.quiet(alertname);
    expect(about(alertname).filter(({ status }) => status === 'resolved')).toEqual([]);
    expect(heardBy(alertname)).toEqual(['slack']);
    const [series] = await prometheus.query(`count by (job) (count_over_time(ALERTS{alertname="${alertname}"}[5m]))`);
    expect(series!.metric).toEqual({ job });
    return notice;
  }

  it('BackupCompleted: a backup', async () => {
    await operation('usual', '/v1/admin/backups');
    expect((await tells('BackupCompleted', 'usual')).text).toMatch(/Its size, packed: [\d.]+[kM]B/);
  });

  it('ConsolidationJobFinished: a consolidation', async () => {
    await remember('usual', 'tea', 'Tea is green');
    await operation('usual', '/v1/memories/consolidate', { namespace_prefix: 'user:alice', strategy: 'manual' });
    await tells('ConsolidationJobFinished', 'usual');
  });

  it('DocumentSyncCompleted: files in a watched directory, with how many', async () => {
    // The sync at the start has been told; wait until that is over.
    await prometheus.quiet('DocumentSyncCompleted');
    const before = about('DocumentSyncCompleted').length;
    for (const name of ['one', 'two', 'three']) writeFileSync(join(documents, `${name}.md`), `# ${name}\n\nText.\n`);
    await until('the sync is told', () => about('DocumentSyncCompleted').length > before);
    await tells('DocumentSyncCompleted', 'usual');
    // A busy machine may notice one of them before the others.
    expect(about('DocumentSyncCompleted').at(-1)!.text).toMatch(/It processed [123] documents/);
  });

  it('DatabaseUnavailable: the file is moved away', async () => {
    const { path } = servers.usual;
    renameSync(path, `${path}.away`);
    await wakes('DatabaseUnavailable', 'usual', () => renameSync(`${path}.away`, path));
  });

  it('IntegrityCheckFailed: somebody changes a memory behind the back of the log', async () => {
    const { value } = await remember('usual', 'coffee', 'Coffee is black');
    const set = (to: object): void =>
      damage(servers.usual.path, `UPDATE memory_entries SET value = '${JSON.stringify(to)}' WHERE key = 'coffee'`);
    set({ text: 'Coffee is white' });
    await operation('usual', '/v1/admin/integrity');
    await wakes('IntegrityCheckFailed', 'usual', async () => {
      set(value as object);
      await operation('usual', '/v1/admin/integrity');
    });
  });

  it('DiskSpaceCritical: the partition of the database is filled', async () => {
    disk.fill(0.05);
    await wakes('DiskSpaceCritical', 'small', () => disk.empty());
  });

  it('OllamaServerDown: the server of the embedding model drops every call', async () => {
    ollama.behaviour = 'drop';
    await Promise.all(Array.from({ length: 60 }, (_, n) => remember('ollama', `note-${n}`, `A note of number ${n}`)));
    await wakes('OllamaServerDown', 'ollama', () => {
      ollama.behaviour = 'fine';
    });
  });

  it('VectorSearchSlow: the embedding model takes its time', async () => {
    await until('there are vectors', async () => (await send('ollama', 'GET', '/v1/search/status'))['backlog'] === 0);
    ollama.delay = 800;
    const stop = meanwhile(4, () => send('ollama', 'POST', '/v1/memories/search', { query: 'note', mode: 'semantic' }));
    await warns('VectorSearchSlow', 'ollama', async () => {
      await stop();
      ollama.delay = 0;
    });
  });

  it('QueryLatencySpike and HighQueryLatency: the machine gives the process no time', async () => {
    // Long queries: one is always under way, so that each standstill hits one, and few of them leave time to be scraped.
    await send('usual', 'POST', '/v1/sessions', { session_id: 'long', app_name: 'load', user_id: 'alice' });
    const event = { event_type: 'message', actor: 'user', content: { text: 'One of many' } };
    for (let n = 0; n < 100; n++)
      await send('usual', 'POST', '/v1/sessions/long/events/batch', {
        events: Array.from({ length: 100 }, () => event),
      });
    const stop = meanwhile(2, () => send('usual', 'POST', '/v1/audit/verify'));
    const child = servers.usual.process;
    const starve = meanwhile(1, async () => {
      child.kill('SIGSTOP');
      await sleep(300);
      child.kill('SIGCONT');
      await sleep(150);
    });
    let cured = false;
    const cure = async (): Promise<void> => {
      if (cured) return;
      cured = true;
      await starve();
      await stop();
    };
    // The warning takes twice as long: whoever is woken by the first one is cured only when both were there.
    await wakes('QueryLatencySpike', 'usual', async () => {
      await warns('HighQueryLatency', 'usual', cure);
    }).finally(cure);
  });

  it('WalFileLarge and MemoryGrowthRateHigh: much is written while somebody reads', async () => {
    const reader = Database.open({ path: servers.busy.path, readonly: true });
    reader.exec('BEGIN');
    reader.one(sql`SELECT count(*) AS count FROM audit`);
    await send('busy', 'POST', '/v1/sessions', { session_id: 'long', app_name: 'load', user_id: 'alice' });
    const event = { event_type: 'message', actor: 'user', content: { text: 'x'.repeat(200_000) } };
    for (let n = 0; n < 175; n++)
      await send('busy', 'POST', '/v1/sessions/long/events/batch', { events: Array.from({ length: 4 }, () => event) });
    await warns('WalFileLarge', 'busy', async () => {
      reader.exec('COMMIT');
      reader.close();
      // The first write folds the log back, the second begins it anew.
      for (const text of ['one', 'two', 'three']) await remember('busy', 'note', text);
    });
    await warns('MemoryGrowthRateHigh', 'busy', () => undefined);
  });

  it('ConnectionPoolExhausted: more is asked than the readers can answer', async () => {
    const stop = meanwhile(12, () => send('busy', 'POST', '/v1/audit/verify'));
    await warns('ConnectionPoolExhausted', 'busy', stop);
  });

  it('woke nobody for anything else, and each of the 13 was seen', () => {
    const paged = receivers.notices.filter(({ receiver, status }) => receiver === 'pagerduty' && status === 'firing');
    const names = paged.map(({ body }) => (body as { payload: { summary: string } }).payload.summary.split(':')[0]);
    expect([...new Set(names)].toSorted()).toEqual([
      'DatabaseUnavailable',
      'DiskSpaceCritical',
      'IntegrityCheckFailed',
      'OllamaServerDown',
      'QueryLatencySpike',
    ]);
    expect(ALERTS.filter((name) => about(name).length === 0)).toEqual([]);
    expect(ALERTS).toHaveLength(13);
  });
});

interface RuleFile {
  groups: { name: string; rules: { alert: string }[] }[];
}
const RULES = 'grafana/alerts/abathur.rules.yml';
const ALERTS = (load(readFileSync(RULES, 'utf8')) as RuleFile).groups.flatMap(({ rules }) =>
  rules.map(({ alert }) => alert),
);

/** The delivered rules, sixty times as fast; growth, which looks back for a day, twelve times as fast as that. */
function quickRules(): string {
  const text = readFileSync(RULES, 'utf8');
  const pick = (rules: string, which: (name: string) => boolean, suffix: string): RuleFile['groups'] =>
    (load(rules) as RuleFile).groups
      .map(({ name, rules: own }) => ({ name: `${name}${suffix}`, rules: own.filter(({ alert }) => which(alert)) }))
      .filter(({ rules: own }) => own.length > 0);
  const growth = (name: string): boolean => name === 'MemoryGrowthRateHigh';
  const groups = [...pick(faster(text), (name) => !growth(name), ''), ...pick(faster(text, 720), growth, '-growth')];
  const path = join(temporaryDirectory(), 'quick.rules.yml');
  writeFileSync(path, dump({ groups }));
  return path;
}

/** Does something again and again, several at once, until the returned function is called. */
function meanwhile(lanes: number, work: () => Promise<unknown>): () => Promise<void> {
  const stop = new AbortController();
  const lane = async (): Promise<void> => {
    while (!stop.signal.aborted) await work();
  };
  const all = Promise.all(Array.from({ length: lanes }, lane));
  // Whatever goes wrong is told where it is waited for.
  all.catch(() => undefined);
  return async () => {
    stop.abort();
    await all;
  };
}
