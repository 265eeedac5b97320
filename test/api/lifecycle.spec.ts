import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectProblem, type Answer } from '../support/problem.js';
import { until } from '../support/until.js';
import { abathur } from '../support/cli.js';
import { client, MAIN, startServer as start, temporaryDirectory, type TestServer } from '../support/server.js';

/** One reader at first: these servers are started often and asked little. */
const startServer = (environment: Record<string, string> = {}, directory?: string): Promise<TestServer> =>
  start({ ABATHUR_DB_POOL_MIN: '1', ...environment }, directory);

/** Starts the program where it cannot start; how it ended and what it said on standard error. */
async function refusal(environment: Record<string, string>): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [MAIN], {
    env: { ...process.env, PORT: '0', ABATHUR_DB_PATH: join(temporaryDirectory(), 'abathur.db'), ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

/** One request on a connection of its own, or of an agent's. */
function ask(
  { port }: TestServer,
  method: string,
  path: string,
  { body, agent, headers = {} }: { body?: object; agent?: Agent; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const call = request(
      { host: '127.0.0.1', port, method, path, agent: agent ?? false, headers: { ...type, ...headers } },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', reject);
        response.on('end', () => {
          const json = /json/.test(response.headers['content-type'] ?? '') && text !== '';
          resolve({
            status: response.statusCode!,
            headers: response.headers as Record<string, string>,
            body: json ? (JSON.parse(text) as Record<string, unknown>) : {},
          });
        });
      },
    );
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** An import whose lines come one at a time, so that it is under way for as long as the test wants. */
function slowImport({ port }: TestServer, namespace: string) {
  const call = request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: '/v1/memories/import',
    agent: false,
    headers: { 'content-type': 'application/x-ndjson' },
  });
  const answer = new Promise<{ status: number; text: string }>((resolve, reject) => {
    call.on('error', reject);
    call.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, text }));
    });
  });
  let lines = 0;
  return {
    answer,
    line: () =>
      new Promise<void>((resolve) =>
        call.write(`${JSON.stringify({ namespace, key: `k${lines++}`, value: {} })}\n`, () => resolve()),
      ),
    end: () => call.end(),
    give_up: () => call.destroy(),
  };
}

const exitOf = async ({ process: child }: TestServer): Promise<number | null> => {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
};

/** Writes from many connections until the server takes no more; which keys were acknowledged. */
async function load(
  server: TestServer,
  writers: number,
): Promise<{ acknowledged: () => string[]; done: Promise<unknown> }> {
  const agent = new Agent({ keepAlive: true, maxSockets: writers });
  const acknowledged: string[] = [];
  let started = (): void => undefined;
  const first = new Promise<void>((resolve) => (started = resolve));
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; ; n++) {
      const path = `/v1/memories/user:load/${writer}-${n}`;
      const answer = await ask(server, 'PUT', path, { body: { value: { n } }, agent }).catch(() => undefined);
      if (answer?.status !== 201) return;
      acknowledged.push(path);
      if (acknowledged.length > writers) started();
    }
  };
  const done = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer))).then(() => agent.destroy());
  await first;
  return { acknowledged: () => acknowledged, done };
}

async function missing(server: TestServer, paths: string[]): Promise<string[]> {
  const { body } = await ask(server, 'GET', '/v1/namespaces?prefix=user:load');
  const [{ count }] = body['items'] as [{ count: number }];
  if (count >= paths.length) return [];
  const found = await Promise.all(paths.map(async (path) => (await ask(server, 'GET', path)).status === 200));
  return paths.filter((_, index) => !found[index]);
}

describe('A setting that cannot be used', () => {
  it.each([
    ['PORT', 'http', /must be an integer/],
    ['ABATHUR_DB_SYNCHRONOUS', 'OFF', /FULL, NORMAL/],
    ['ABATHUR_DB_PAHT', '/tmp/x.db', /is not a setting; settings are .*ABATHUR_DB_PATH/],
  ])('R-O8 ends the start with 78 and one line: %s=%s', async (name, value, may) => {
    const { code, said } = await refusal({ [name]: value });
    expect(code).toBe(78);
    expect(said.trimEnd().split('\n')).toHaveLength(1);
    expect(said).toMatch(may);
    expect(said).toMatch(new RegExp(`^${name} is `));
  });
});

describe('A start', () => {
  it('R-O8 on a port that is taken says so, and what to do', async () => {
    const server = await startServer();
    const { code, said } = await refusal({ PORT: String(server.port) });
    await server.stop();
    expect(code).toBe(1);
    expect(said).toContain(`127.0.0.1:${server.port} is taken. Set PORT`);
    expect(said).not.toContain('at ');
  });

  it('R-O8 on an address of another machine says so, and what to do', async () => {
    const ABATHUR_DB_PATH = join(temporaryDirectory(), 'abathur.db');
    await abathur(['keys', 'create', '--role', 'operator'], { ABATHUR_DB_PATH });
    const { code, said } = await refusal({ HOST: '203.0.113.1', ABATHUR_DB_PATH });
    expect(code).toBe(1);
    expect(said).toMatch(/203\.0\.113\.1:0 is not an address of this machine\. Set HOST/);
  });

  it('R-S1 on a file that is no database says so, and leaves the file as it is', async () => {
    const path = join(temporaryDirectory(), 'letter.db');
    writeFileSync(path, 'Dear reader, this is a letter and no database at all. '.repeat(50));
    const { code, said } = await refusal({ ABATHUR_DB_PATH: path });
    expect(code).toBe(1);
    expect(said).toContain(`${path} is not a usable SQLite database`);
    expect(said).toContain('Set ABATHUR_DB_PATH');
    expect(said.trimEnd().split('\n')).toHaveLength(1);
  });

  it('R-S1 on a directory, or below a file, says so', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'folder'));
    writeFileSync(join(directory, 'file'), '');
    for (const path of [join(directory, 'folder'), join(directory, 'file', 'abathur.db')]) {
      const { code, said } = await refusal({ ABATHUR_DB_PATH: path });
      expect(code).toBe(1);
      expect(said).toContain(`${path} cannot be opened`);
      expect(said.trimEnd().split('\n')).toHaveLength(1);
    }
  });

  it('R-S1 makes the directories of its file', async () => {
    const path = join(temporaryDirectory(), 'a', 'b', 'abathur.db');
    const server = await startServer({ ABATHUR_DB_PATH: path });
    expect((await ask(server, 'GET', '/health')).status).toBe(200);
    expect(await server.stop()).toBe(0);
  });

  it('R-S9 fills a new database once, and not again after a restart or a deletion; a key stays used (R-M5)', async () => {
    const directory = temporaryDirectory();
    const first = await startServer({}, directory);
    const { body: memories } = await ask(first, 'GET', '/v1/memories?namespace_prefix=app:abathur');
    const found = (memories['items'] as { namespace: string; key: string; memory_type: string }[]).map(
      ({ namespace, key }) => `${namespace}/${key}`,
    );
    expect(found).toEqual(
      expect.arrayContaining(['app:abathur:policies/memory-lifecycle', 'app:abathur:templates/user-preferences']),
    );
    const { body: session } = await ask(first, 'GET', '/v1/sessions/example-session');
    expect(session).toMatchObject({ app_name: 'abathur', status: 'active', state: { coffee: 'black' } });
    const { body: log } = await ask(first, 'GET', '/v1/audit/events');
    expect((log['items'] as { actor: string }[])[0]!.actor).toBe('system');
    await ask(first, 'DELETE', '/v1/memories/app:abathur:policies/memory-lifecycle');
    await ask(first, 'DELETE', '/v1/sessions/example-session');
    const call = { body: { app_name: 'a', user_id: 'u' }, headers: { 'idempotency-key': 'once' } };
    const made = await ask(first, 'POST', '/v1/sessions', call);
    const { body: head } = await ask(first, 'GET', '/v1/audit/head');
    expect(await first.stop()).toBe(0);

    const second = await startServer({}, directory);
    const again = await ask(second, 'POST', '/v1/sessions', call);
    expect([again.status, again.body]).toEqual([201, made.body]);
    expect((await ask(second, 'GET', '/v1/audit/head')).body).toEqual(head);
    expect((await ask(second, 'GET', '/v1/memories/app:abathur:policies/memory-lifecycle')).status).toBe(404);
    expect((await ask(second, 'GET', '/v1/sessions/example-session')).status).toBe(404);
    expect((await ask(second, 'POST', '/v1/audit/verify', { body: {} })).body).toMatchObject({ ok: true });
    expect(await second.stop()).toBe(0);
  });
});

describe('Asked to stop', () => {
  it('R-O8 under load, it ends with 0 and has kept every write that it acknowledged', async () => {
    const directory = temporaryDirectory();
    const server = await startServer({}, directory);
    const { acknowledged, done } = await load(server, 16);
    await sleep(200);
    expect(await server.stop()).toBe(0);
    await done;
    const again = await startServer({}, directory);
    expect(await missing(again, acknowledged())).toEqual([]);
    expect((await ask(again, 'POST', '/v1/audit/verify', { body: {} })).body).toMatchObject({ ok: true });
    expect(await again.stop()).toBe(0);
    expect(server.output()).not.toContain('request-failed');
  });

  it('R-S1 killed under load, it has kept every write that it acknowledged', async () => {
    const directory = temporaryDirectory();
    const server = await startServer({}, directory);
    const { acknowledged, done } = await load(server, 16);
    await sleep(200);
    await server.kill();
    await done;
    const again = await startServer({}, directory);
    expect(await missing(again, acknowledged())).toEqual([]);
    expect((await ask(again, 'POST', '/v1/audit/verify', { body: {} })).body).toMatchObject({ ok: true });
    expect(await again.stop()).toBe(0);
  });

  it('R-O8 finishes what is under way, says that it drains, and sends new work elsewhere', async () => {
    const server = await startServer();
    const slow = slowImport(server, 'user:slow');
    await slow.line();
    await sleep(50);
    const stopped = server.stop();
    let ready: Answer;
    do ready = await ask(server, 'GET', '/health/ready');
    while (ready.status === 200);
    expect(ready.status).toBe(503);
    expect(ready.body).toMatchObject({ status: 'draining', reasons: ['the process was asked to stop'] });
    expect((await ask(server, 'GET', '/health')).body).toMatchObject({ status: 'draining' });
    expect((await ask(server, 'GET', '/health/live')).status).toBe(200);
    for (const [method, path] of [
      ['GET', '/v1/sessions'],
      ['PUT', '/v1/memories/user:late/k'],
    ]) {
      const refused = await ask(server, method!, path!, { body: method === 'PUT' ? { value: {} } : undefined });
      expectProblem(refused, 503, { code: 'shutting-down' });
      expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(refused.headers['connection']).toBe('close');
    }
    await slow.line();
    slow.end();
    const { status, text } = await slow.answer;
    expect([status, JSON.parse(text)]).toEqual([200, { imported: 2, written: 2, unchanged: 0 }]);
    expect(await stopped).toBe(0);
  });

  it('R-O8 with a delay, goes on answering once readiness says no, and closes its port before it refuses anything', async () => {
    const server = await startServer({ ABATHUR_DRAIN_DELAY_MS: '5000' });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await ask(server, 'GET', '/v1/audit/head', { agent })).headers['connection']).toBe('keep-alive');
    server.process.kill('SIGTERM');
    await until('readiness says no', async () => (await ask(server, 'GET', '/health/ready')).status === 503);
    // What is long under way is finished, also after the port is closed.
    const under = slowImport(server, 'user:drained');
    await under.line();
    const read = await ask(server, 'GET', '/v1/audit/head', { agent });
    expect({ status: read.status, connection: read.headers['connection'] }).toEqual({
      status: 200,
      connection: 'close',
    });
    expect((await ask(server, 'PUT', '/v1/memories/user:drained/a', { body: { value: {} } })).status).toBe(201);
    const refusals: unknown[] = [];
    await until('the port is closed', async () => {
      const answer = await ask(server, 'GET', '/v1/audit/head').catch((error: { code?: string }) => error.code);
      if (typeof answer === 'object' && answer.status !== 200) refusals.push(answer.status);
      return answer === 'ECONNREFUSED';
    });
    expect(refusals).toEqual([]);
    await under.line();
    under.end();
    expect((await under.answer).status).toBe(200);
    expect(await exitOf(server)).toBe(0);
    agent.destroy();
  });

  it('R-A3 ends the feeds of those who follow', async () => {
    const server = await startServer();
    const answer = await fetch(`${server.url}/v1/audit/feed?after=0`);
    const text = answer.text();
    expect(await server.stop()).toBe(0);
    expect(await text).toContain('event: SessionCreated');
  });

  it('R-O8 does not wait for ever: after the drain timeout it ends with 75', async () => {
    const server = await startServer({ ABATHUR_DRAIN_TIMEOUT_MS: '300' });
    const endless = slowImport(server, 'user:endless');
    endless.answer.catch(() => undefined);
    await endless.line();
    await sleep(50);
    expect(await server.stop()).toBe(75);
    endless.give_up();
  });

  it('R-O8 by SIGINT, or twice, it ends as well', async () => {
    const server = await startServer();
    server.process.kill('SIGINT');
    server.process.kill('SIGTERM');
    expect(await exitOf(server)).toBe(0);
  });
});

describe('Metrics', () => {
  it('R-O1 have no more series after 1,000 random addresses and namespaces', async () => {
    const server = await startServer();
    const api = client(server);
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const round = async (name: string): Promise<void> => {
      const path = `/v1/memories/user:${name}/${name}`;
      await ask(server, 'GET', `/${name}/${name}`, { agent });
      await ask(server, 'GET', `${path}?${name}=1`, { agent });
      await ask(server, 'PUT', path, { agent, body: { value: {}, updated_by: name } });
      await ask(server, 'GET', path, { agent, headers: { 'x-request-id': name } });
      await ask(server, 'GET', `/v1/sessions/${name}`, { agent });
    };
    const series = async (): Promise<string[]> =>
      (await api.get('/metrics').expect(200)).text
        .split('\n')
        .filter((line) => line.startsWith('abathur_'))
        .map((line) => line.slice(0, line.lastIndexOf(' ')));
    await api.get('/metrics');
    await round('first');
    const before = await series();
    const names = Array.from({ length: 1000 }, (_, n) => `n${n}x${Math.random().toString(36).slice(2)}`);
    for (let n = 0; n < names.length; n += 8) await Promise.all(names.slice(n, n + 8).map(round));
    const after = await series();
    expect(after).toEqual(expect.arrayContaining(before));
    // What the background reads for the first time meanwhile has a name of ours.
    const added = after.filter((one) => !before.includes(one) && !/\{kind="\w+",read="[a-z-]+\.[a-z-]+"/.test(one));
    expect(added).toEqual([]);
    expect(before.join('\n')).not.toContain('first');
    expect(before.length).toBeGreaterThan(50);
    agent.destroy();
    expect(await server.stop()).toBe(0);
  });
});
