import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectionStatus } from '#projections';
import { Database } from '#storage';
import { inspect, type Findings } from '../support/inspect.js';
import { startServer, temporaryDirectory, type TestServer } from '../support/server.js';

const WORKER = join(process.cwd(), 'dist/apps/worker/main.js');
const ROUNDS = 12;
const EACH = 40;

describe('Two API processes and the workers on one file', () => {
  const path = join(temporaryDirectory(), 'abathur.db');
  let servers: TestServer[];
  let workers: ChildProcess;
  let written: { position: number; words: string }[];
  let wins: number[];
  let codes: (number | null)[];
  let caughtUp: boolean;
  let findings: Findings;

  beforeAll(async () => {
    const environment = { ABATHUR_DB_PATH: path, ABATHUR_DB_SYNCHRONOUS: 'NORMAL', ABATHUR_BACKGROUND: 'off' };
    // All of them at once on a file that is not there yet: one migrates, the others wait.
    servers = await Promise.all([startServer(environment), startServer(environment)]);
    workers = spawn(process.execPath, [WORKER], {
      env: { ...process.env, ABATHUR_DB_PATH: path, ABATHUR_LOG_LEVEL: 'warn' },
      stdio: 'ignore',
    });
    const [one, two] = servers.map(({ url }) => url) as [string, string];
    await write(one, 'POST', '/v1/sessions', { session_id: 'shared', app_name: 'race', user_id: 'tester' });
    const streams = [one, two, one, two].map((url, n) => appendEach(url, `writer-${n}`));
    wins = await race(one, two);
    written = (await Promise.all(streams)).flat();
    caughtUp = await waitForWorkers(path);
    codes = await Promise.all([...servers.map((server) => server.stop()), stop(workers)]);
    findings = inspect(path);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    workers.kill('SIGKILL');
  });

  it('R-SE7 lose no event of a session that all of them append to', () => {
    expect(written).toHaveLength(4 * EACH);
    expect(written.filter(({ position, words }) => !findings.events.get(position)?.data.includes(words))).toEqual([]);
    expect(new Set(written.map(({ position }) => position)).size).toBe(4 * EACH);
  });

  it('R-SE7 let exactly one of two win that expect the same version, in each round', () => {
    expect(wins).toEqual(Array.from({ length: ROUNDS }, () => 1));
  });

  it('R-A4 leave a log with dense positions and an unbroken chain', () => {
    expect(findings.holes).toEqual([]);
    expect(findings.chain).toEqual({ checked: findings.head });
    expect(findings.integrity).toBe('ok');
  });

  it('R-A5 leave tables that equal a replay of the log', () => {
    expect(findings.differences).toEqual([]);
  });

  it('have their projections brought to the head by the workers alone', () => {
    expect(caughtUp).toBe(true);
  });

  it('seed a new file once, whoever is first', () => {
    const seeded = [...findings.events.values()].filter(({ data }) => data.includes('"example-session"'));
    expect(seeded.filter(({ type }) => type === 'SessionCreated')).toHaveLength(1);
  });

  it('end when they are asked to', () => {
    expect(codes).toEqual([0, 0, 0]);
  });
});

/** Appends to the shared session, without expecting a version. */
async function appendEach(url: string, name: string): Promise<{ position: number; words: string }[]> {
  const written = [];
  for (let n = 0; n < EACH; n++) {
    const words = `${name} ${n};`;
    const event = { event_type: 'message', actor: 'user', content: { words }, state_delta: { [name]: n } };
    const { status, position } = await write(url, 'POST', '/v1/sessions/shared/events', event);
    if (status === 201) written.push({ position, words });
  }
  return written;
}

/** In each round both processes write the same version of one memory; how many of them could. */
async function race(one: string, two: string): Promise<number[]> {
  const at = '/v1/memories/user:tester/contested';
  await write(one, 'PUT', at, { value: { round: 0 } });
  const wins: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const answers = await Promise.all(
      [one, two].map((url) => write(url, 'PUT', at, { value: { round, url } }, { 'if-match': `"${round}"` })),
    );
    wins.push(answers.filter(({ status }) => status === 200).length);
    if (!answers.every(({ status }) => status === 200 || status === 412)) throw new Error(JSON.stringify(answers));
  }
  return wins;
}

async function write(url: string, method: string, path: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  return { status: response.status, position: Number(response.headers.get('x-position')) };
}

/** Whether the workers bring every projection to the head: they are given ten seconds, and need less than one. */
async function waitForWorkers(path: string): Promise<boolean> {
  const db = Database.open({ path, readonly: true });
  try {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (projectionStatus.run(db, null).every(({ lag }) => lag === 0)) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  } finally {
    db.close();
  }
}

async function stop(child: ChildProcess): Promise<number | null> {
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}
