import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assembleWriter, catalog, PROJECT_ROOT, projectors, rebuildFromExport } from '#assembly';
import type { NewEvent } from '#audit-log';
import { rebuild, type Projector } from '#projections';
import { Database, migrate, readMigrations, sql } from '#storage';
import { memoryLines } from './bulk.bench.js';
import { drive, get, post, type LoadResult } from './load.js';
import { ms, per, times, type Figure } from './report.js';
import { importLines, send, startVariant } from './running.js';

/** Sizes of the log; BENCH_EVENTS=1000000 adds a large one. */
const SIZES = [10_000, 100_000, ...(process.env['BENCH_EVENTS'] ? [Number(process.env['BENCH_EVENTS'])] : [])];
const AT = '2026-01-01T00:00:00.000Z';
const TEXT = 'The quick brown fox jumps over the lazy dog.';

/** Rebuilding: how fast, how it grows, what writes and reads feel of it, and making a database from an export. */
export async function rebuilding(): Promise<Figure[]> {
  const figures: Figure[] = [];
  const rates: number[] = [];
  for (const size of SIZES) {
    const directory = mkdtempSync(join(tmpdir(), 'abathur-bench-'));
    const path = join(directory, 'abathur.db');
    makeLog(path, size);
    const both = projectors.filter(({ name }) => name === 'sessions' || name === 'memories');
    const replayed = await timed(path, both);
    rates.push(size / replayed.replay);
    figures.push({
      what: `sessions and memories replayed, ${size.toLocaleString('en')} events`,
      measured: `${per(size / replayed.replay)}, compared in ${ms(replayed.compare * 1000)}`,
      target: '≥ 40,000/s',
      ok: size / replayed.replay >= 40_000,
    });
    damage(path);
    const { waited } = await timed(path, both);
    figures.push({
      what: `writes wait for the exchange of all memories, ${size.toLocaleString('en')} events`,
      measured: ms(waited * 1000),
      target: 'for information',
      ok: true,
    });
    if (size === 100_000) figures.push(await importing(path, directory, size));
    rmSync(directory, { recursive: true });
  }
  const growth = rates[0]! / rates.at(-1)!;
  figures.push({
    what: 'an event of the largest against the smallest',
    measured: times(growth),
    target: '≤ 1.5 ×',
    ok: growth <= 1.5,
  });
  return [...figures, ...(await beside())];
}

/** Half events of sessions, half memories. */
function makeLog(path: string, size: number): void {
  const db = Database.open({ path, purpose: 'scratch' });
  migrate(db, readMigrations(join(PROJECT_ROOT, 'migrations')));
  const writer = assembleWriter(db);
  for (let n = 0; n < size; n += 1000) {
    const events = Array.from({ length: Math.min(1000, size - n) }, (_, i) => event(n + i));
    const proposer = { actor: 'bench', correlation_id: 'bench' };
    const [settled] = writer.batch([
      { kind: 'commit', commit: { id: `c${n}`, conditions: [], events, proposer, time: AT } },
    ]);
    if ('error' in settled!) throw settled.error;
  }
  db.close();
}

function event(n: number): NewEvent {
  const session_id = `s${Math.floor(n / 100)}`;
  const owners = { user: 'bench/u', app: 'bench' };
  if (n % 100 === 0) {
    const data = { session_id, app_name: 'bench', user_id: 'u', project_id: null, metadata: {}, state: {}, owners };
    return { stream: `session:${session_id}`, type: 'SessionCreated', data };
  }
  if (n % 2 === 0) {
    const data = {
      session_id,
      event_type: 'message',
      timestamp: AT,
      content: { text: TEXT },
      owners,
      is_final_response: false,
    };
    return { stream: `session:${session_id}`, type: 'SessionEventAppended', data };
  }
  const namespace = `user:bench${n % 1000}`;
  const data = {
    namespace,
    key: `k${n}`,
    version: 1,
    memory_type: 'semantic',
    value: { text: TEXT, n },
    metadata: { source: 'bench' },
    operation: 'create',
    ttl_seconds: null,
    expires_at: null,
    task_id: null,
    session_id: null,
  };
  return { stream: `memory:${encodeURIComponent(namespace)}:k${n}`, type: 'MemoryWritten', data };
}

function damage(path: string): void {
  const db = Database.open({ path, purpose: 'upkeep' });
  db.exec(`UPDATE memory_entries SET value = '{}'`);
  db.close();
}

async function timed(path: string, chosen: Projector[]): Promise<{ replay: number; compare: number; waited: number }> {
  const begin = performance.now();
  let replayed = begin;
  const report = await rebuild({
    path,
    synchronous: 'FULL',
    catalog,
    projectors: chosen,
    compareOnly: false,
    prepare: (scratch) => void migrate(scratch, readMigrations(join(PROJECT_ROOT, 'migrations'))),
    onProgress: () => (replayed = performance.now()),
    alone: async (work) => work(),
  });
  const replay = (replayed - begin) / 1000;
  return { replay, compare: report.seconds - replay - report.writes_waited, waited: report.writes_waited };
}

async function importing(path: string, directory: string, size: number): Promise<Figure> {
  const file = join(directory, 'export.ndjson');
  writeFileSync(file, exportOf(path));
  const { seconds } = await rebuildFromExport(file, join(directory, 'new.db'), () => undefined);
  return {
    what: 'import of an export, every entry verified',
    measured: `${per(size / seconds.import)}; ${per(size / (seconds.import + seconds.project))} with all projections`,
    target: '≥ 30,000/s',
    ok: size / seconds.import >= 30_000,
  };
}

function exportOf(path: string): string {
  const db = Database.open({ path, readonly: true });
  const rows = db.all<{ line: string; data: string }>(
    sql`SELECT data, json_object('position', position, 'event_id', event_id, 'stream', stream, 'stream_version', stream_version,
          'type', type, 'schema_version', schema_version, 'time', timestamp, 'actor', actor, 'agent_id', agent_id,
          'task_id', task_id, 'session_id', session_id, 'memory_operation', memory_operation,
          'memory_namespace', memory_namespace, 'memory_entry_id', memory_entry_id, 'correlation_id', correlation_id,
          'causation_id', causation_id, 'salt', lower(hex(salt)),
          'envelope_commitment', lower(hex(envelope_commitment)), 'data_commitment', lower(hex(data_commitment)),
          'leaf_hash', lower(hex(leaf_hash)), 'entry_hash', lower(hex(entry_hash))) AS line
        FROM audit ORDER BY position`,
  );
  db.close();
  const last = JSON.parse(rows.at(-1)!.line) as { position: number; entry_hash: string };
  const { position, entry_hash } = last;
  const manifest = {
    format: 'abathur-audit',
    version: 1,
    complete: true,
    filter: {},
    head: { position, entry_hash, time: AT },
  };
  const text = `${JSON.stringify({ manifest })}\n${rows.map(({ line, data }) => `${line.slice(0, -1)},"data":${data}}\n`).join('')}`;
  const sha256 = createHash('sha256').update(text).digest('hex');
  return `${text}${JSON.stringify({ trailer: { entries: position, position, entry_hash, sha256 } })}\n`;
}

let written = 0;
const write = (): string =>
  post('/v1/memories', { namespace: `user:beside${written % 1000}`, key: `k${written++}`, value: { text: TEXT } });

/** What writers and readers feel of a rebuild that goes on all the while. */
async function beside(): Promise<Figure[]> {
  const server = await startVariant('full');
  await importLines(server.url, memoryLines(50_000));
  const read = get('/v1/memories/user:bench7/k7');
  const load = async (): Promise<[LoadResult, LoadResult]> => [
    await drive(server.url, write, { connections: 16 }),
    await drive(server.url, read, { connections: 16 }),
  ];
  await load();
  const without = await load();
  const enough = new AbortController();
  const rebuilds = (async () => {
    while (!enough.signal.aborted) {
      const { id } = (await send(`${server.url}/v1/admin/projections/all/rebuild`, 'POST', {})) as { id: string };
      const running = async (): Promise<boolean> =>
        ((await send(`${server.url}/v1/operations/${id}`, 'GET')) as { status: string }).status === 'running';
      while (await running()) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  const during = await load();
  enough.abort();
  await rebuilds;
  await server.stop();
  return ['writes', 'reads'].map((what, n) => {
    const ratio = during[n]!.p99 / without[n]!.p99;
    return {
      what: `${what} during a rebuild, p99`,
      measured: `${ms(during[n]!.p99)}, ${times(ratio)}, ${during[n]!.failed} failed`,
      target: `≤ 3 × ${ms(without[n]!.p99)} without`,
      ok: ratio <= 3 && during[n]!.failed === 0,
    };
  });
}
