import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assembleWriter, migrateFile, readConfig } from '#assembly';
import { decideStep, type Step, type WriterRequest } from '#audit-log';
import { Database } from '#storage';
import { task, taskStream } from '#work';
import { addMemory, drive, post, type LoadResult, type RequestText } from './load.js';
import { ms, per, times, type Figure } from './report.js';
import { startVariant } from './running.js';

const QUEUE = 100_000;

/** `POST /v1/tasks/claim` from a queue of 100,000, half of it blocked, against the same route without a database. */
export async function tasks(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'abathur-bench-'));
  const path = join(directory, 'abathur.db');
  fill(path);
  const rounds: Record<string, LoadResult[]> = { full: [], 'no-database': [], writes: [] };
  for (let round = 0; round < 2; round++) {
    const server = await startVariant('full', { ABATHUR_DB_PATH: path });
    await drive(server.url, claim, { seconds: 1 });
    rounds['full']!.push(await drive(server.url, claim, { seconds: 4 }));
    rounds['writes']!.push(await drive(server.url, addMemory, { seconds: 3 }));
    await server.stop();
    const floor = await startVariant('no-database');
    await drive(floor.url, claim, { seconds: 1 });
    rounds['no-database']!.push(await drive(floor.url, claim, { seconds: 4 }));
    await floor.stop();
  }
  rmSync(directory, { recursive: true });
  const best = (what: string): LoadResult => rounds[what]!.toSorted((a, b) => b.rate - a.rate)[0]!;
  const [claims, floor, writes] = [best('full'), best('no-database'), best('writes')];
  return [
    {
      what: 'durable POST /v1/tasks/claim, 64 connections, 100,000 waiting',
      measured: per(claims.rate),
      target: `≥ 2,000/s; floor without a database ${per(floor.rate)}`,
      ok: claims.rate >= 2000 && claims.failed === 0,
    },
    {
      what: 'against POST /v1/memories in the same run',
      measured: times(claims.rate / writes.rate),
      target: `≥ 0.5 × of ${per(writes.rate)}`,
      ok: claims.rate >= 0.5 * writes.rate,
    },
    { what: 'p99', measured: ms(claims.p99), target: '≤ 100 ms', ok: claims.p99 <= 100 },
  ];
}

const claim: RequestText = () => CLAIM;
const CLAIM = post('/v1/tasks/claim', { agent_id: 'bench' });

/** Every second task waits for one that nobody completes, and stands in front of those that can be claimed. */
function fill(path: string): void {
  migrateFile(readConfig({ ABATHUR_DB_PATH: path }));
  const db = Database.open({ path, synchronous: 'NORMAL' });
  const writer = assembleWriter(db);
  for (let from = 0; from < QUEUE; from += 500) {
    const steps = Array.from({ length: 500 }, (_, n) => submit(from + n));
    const [settled] = writer.batch([work(steps)]);
    if ('error' in settled!) throw settled.error;
  }
  db.close();
}

function work(steps: Step[]): WriterRequest {
  const time = new Date().toISOString();
  return { kind: 'execute', work: { caller: { actor: 'bench', time, request_id: 'b', correlation_id: 'b' }, steps } };
}

function submit(n: number): Step {
  const blocked = n % 2 === 1;
  const dependencies = blocked ? ['t0'] : [];
  const command = {
    type: 'SubmitTask' as const,
    task_id: `t${n}`,
    prompt: 'Do what there is to do.',
    agent_type: 'general',
    priority: n === 0 ? 10 : blocked ? 1 : (n % 9) + 2,
    input_data: { n },
    max_retries: 3,
    max_execution_timeout_seconds: 3600,
    parent_task_id: null,
    dependencies,
    session_id: null,
    procedure: null,
    outcome_namespace: null,
  };
  return decideStep(task, command, { requires: dependencies.map(taskStream) });
}
