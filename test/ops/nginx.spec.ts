import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { programPath } from '../support/program.js';
import { freePort, MAIN, temporaryDirectory } from '../support/server.js';
import { until } from '../support/until.js';

const NGINX = programPath('nginx', 'nginx-light');
const WORKER = join(process.cwd(), 'dist/apps/worker/main.js');
const SHIPPED = readFileSync('deploy/nginx/abathur.conf', 'utf8');
const TLS = '/etc/abathur/tls';
const STRICT = { 'strict-transport-security': 'max-age=31536000' };
/** What the unit says. */
const [, DELAY] = /ABATHUR_DRAIN_DELAY_MS=(\d+)/.exec(readFileSync('deploy/systemd/abathur-api@.service', 'utf8'))!;

interface Heard {
  status: number;
  headers: Record<string, string>;
  text: string;
}

describe('R-O8 nginx before two API processes and one worker on one file', () => {
  const directory = temporaryDirectory();
  const database = join(directory, 'abathur.db');
  let ports: number[];
  let front: number;
  let processes: (ChildProcess | undefined)[];
  let workers: ChildProcess;
  let nginx: ChildProcess;
  const agent = new Agent({ keepAlive: true });
  let secure: SecureAgent;

  const environment = (more: Record<string, string>): NodeJS.ProcessEnv => ({
    ...process.env,
    HOST: '127.0.0.1',
    ABATHUR_DB_PATH: database,
    ABATHUR_DB_SYNCHRONOUS: 'NORMAL',
    ABATHUR_DB_POOL_MIN: '1',
    ABATHUR_BACKUP_DIR: join(directory, 'backups'),
    ABATHUR_BALLAST_MB: '0',
    ABATHUR_LOG_LEVEL: 'silent',
    ABATHUR_BACKGROUND: 'off',
    ABATHUR_DRAIN_DELAY_MS: DELAY,
    ...more,
  });

  const start = async (index: number): Promise<void> => {
    const port = ports[index]!;
    processes[index] = spawn(process.execPath, [MAIN], { env: environment({ PORT: String(port) }), stdio: 'ignore' });
    await until(`the process on ${port} is ready`, () => answersReady(port, agent), { seconds: 180 });
  };

  const stop = async (index: number, signal: NodeJS.Signals): Promise<number | null> => {
    const child = processes[index]!;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  };

  beforeAll(async () => {
    ports = [await freePort(), await freePort()];
    front = await freePort();
    secure = new SecureAgent({ keepAlive: true, ca: certify(directory) });
    processes = [];
    await Promise.all([start(0), start(1)]);
    workers = spawn(process.execPath, [WORKER], { env: environment({ ABATHUR_BACKGROUND: 'on' }), stdio: 'ignore' });
    const configuration = render(directory, { https: front, http: await freePort() }, ports);
    const checked = spawnSync(NGINX, ['-t', '-c', configuration, '-p', directory], { encoding: 'utf8' });
    if (checked.status !== 0) throw new Error(checked.stderr);
    nginx = spawn(NGINX, ['-c', configuration, '-p', directory, '-g', 'daemon off;'], { stdio: 'ignore' });
    await until('nginx answers', () => answersReady(front, secure));
  }, 400_000);
  afterAll(async () => {
    agent.destroy();
    secure.destroy();
    for (const child of [nginx, workers, ...processes]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill(child === nginx ? 'SIGTERM' : 'SIGKILL');
      await exited;
    }
  });

  const ask = (method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Heard> =>
    send(front, secure, method, path, body === undefined ? undefined : JSON.stringify(body), headers);

  /** Reads and writes that may be repeated, several at a time, until told to stop; what was not answered as it should be. */
  function load(name: string): { stop(): Promise<{ answered: number; wrong: string[]; written: [string, number][] }> } {
    const stopping = new AbortController();
    let answered = 0;
    const wrong: string[] = [];
    const written: [string, number][] = [];
    const lane = async (lane_: number): Promise<void> => {
      for (let n = 0; !stopping.signal.aborted; n++) {
        const key = `${name}-${lane_}-${n}`;
        const address = `/v1/memories/user:load/${key}`;
        const added = { namespace: 'user:added', key, value: { n } };
        const heard = [
          await heardOf(() => ask('PUT', address, { value: { n } })),
          await heardOf(() => ask('GET', address)),
          await heardOf(() => ask('POST', '/v1/memories', added, { 'idempotency-key': randomUUID() })),
          await heardOf(() => ask('GET', '/v1/memories?namespace_prefix=user:load&limit=5')),
        ];
        const expected = [[201, 200], [200], [201], [200]];
        heard.forEach((answer, index) => {
          answered += 1;
          if (typeof answer === 'string' || !expected[index]!.includes(answer.status))
            wrong.push(`${key} ${index}: ${typeof answer === 'string' ? answer : `${answer.status} ${answer.text}`}`);
        });
        written.push([key, n]);
      }
    };
    const lanes = Promise.all(Array.from({ length: 6 }, (_, index) => lane(index)));
    return {
      stop: async () => {
        stopping.abort();
        await lanes;
        return { answered, wrong, written };
      },
    };
  }

  const missing = async (written: [string, number][]): Promise<string[]> => {
    const lost = [];
    for (const [key, n] of written) {
      for (const namespace of ['user:load', 'user:added']) {
        const heard = await ask('GET', `/v1/memories/${namespace}/${key}`);
        const { value, version } = heard.status === 200 ? JSON.parse(heard.text) : { value: {}, version: 0 };
        if (value.n !== n || version !== 1) lost.push(`${namespace}/${key}: ${heard.status} ${heard.text}`);
      }
    }
    return lost;
  };

  const accesses = (): { process: string; status: number }[] =>
    readFileSync(join(directory, 'access.log'), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { process: string; status: number });

  const bothInUse = async (): Promise<void> => {
    const known = accesses().length;
    await until('nginx asks both', () => {
      const answered = accesses()
        .slice(known)
        .filter(({ status }) => status < 300);
      return ports.every((port) => answered.some(({ process: address }) => address === `127.0.0.1:${port}`));
    });
  };

  it('is changed in its ports and paths only, and nginx takes it', () => {
    for (const what of ['listen 80;', '[::]:80;', 'listen 443 ', '[::]:443 ', '127.0.0.1:8001', '127.0.0.1:8002'])
      expect(SHIPPED.split(what)).toHaveLength(2);
    for (const what of ['/var/log/nginx/abathur.log', `${TLS}/`]) expect(SHIPPED.split(what)).toHaveLength(3);
  });

  it('spreads the work over both, and each sees at once what the other wrote', async () => {
    for (let n = 0; n < 20; n++) {
      const at = `/v1/memories/user:both/k${n}`;
      expect((await ask('PUT', at, { value: { n } })).status).toBe(201);
      for (const port of ports) expect((await send(port, agent, 'GET', at)).status).toBe(200);
    }
    const asked = new Set(accesses().map(({ process: address }) => address));
    expect([...asked].toSorted()).toEqual(ports.map((port) => `127.0.0.1:${port}`).toSorted());
  });

  it('passes request ids on, makes one where there is none that is fit, and writes them down', async () => {
    const own = await ask('GET', '/v1/sessions?limit=1', undefined, { 'x-request-id': 'mine-1.2' });
    expect(own.headers['x-request-id']).toBe('mine-1.2');
    const other = await ask('GET', '/v1/sessions?limit=1', undefined, { 'x-request-id': 'not {fit}' });
    expect(other.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    await until('the line of the log', () =>
      Promise.resolve(readFileSync(join(directory, 'access.log'), 'utf8').includes('"request_id":"mine-1.2"')),
    );
  });

  it('refuses what is far too large, and leaves what is a little too large to the API; both say so as a problem', async () => {
    const little = await ask('PUT', '/v1/memories/user:large/a', { value: { text: 'x'.repeat(1_200_000) } });
    const far = await ask('PUT', '/v1/memories/user:large/a', { value: { text: 'x'.repeat(18_000_000) } });
    for (const heard of [little, far]) {
      expect(heard.status).toBe(413);
      expect(heard.headers['content-type']).toContain('application/problem+json');
      expect(JSON.parse(heard.text)).toMatchObject({ status: 413 });
    }
  });

  it('shows health and metrics to this machine, and readiness to everybody', async () => {
    for (const path of ['/health', '/health/ready', '/health/live', '/metrics'])
      expect((await ask('GET', path)).status).toBe(200);
  });

  it('passes events of the feed on at once, and resumes at the other process', async () => {
    const head = JSON.parse((await ask('GET', '/v1/audit/head')).text) as { position: number };
    const heard: string[] = [];
    for (let after = head.position, n = 0; n < 3; n++, after++) {
      const feed = await open(front, secure, '/v1/audit/feed', { 'last-event-id': String(after) });
      let text = '';
      feed.on('data', (chunk: Buffer) => (text += chunk.toString()));
      expect((await ask('PUT', `/v1/memories/user:feed/k${n}`, { value: { n } })).status).toBe(201);
      heard.push(await until('the event', () => /"key":"(k\d)"/.exec(text)?.[1]));
      feed.destroy();
    }
    expect(heard).toEqual(['k0', 'k1', 'k2']);
  });

  it('loses no request while each process is restarted in turn', async () => {
    const work = load('rolling');
    const codes = [];
    for (const index of [0, 1]) {
      codes.push(await stop(index, 'SIGTERM'));
      await start(index);
    }
    const { answered, wrong, written } = await work.stop();
    expect(wrong).toEqual([]);
    expect(codes).toEqual([0, 0]);
    expect(answered).toBeGreaterThan(50);
    expect(await missing(written)).toEqual([]);
  });

  it('loses nothing that may be repeated when a process is killed', async () => {
    const work = load('killed');
    for (const index of [0, 1]) {
      // Nobody can help while both are away: nginx must have found out that the other one is there.
      await bothInUse();
      await stop(index, 'SIGKILL');
      await start(index);
    }
    const { answered, wrong, written } = await work.stop();
    expect(wrong).toEqual([]);
    expect(answered).toBeGreaterThan(50);
    expect(await missing(written)).toEqual([]);
  });

  it('says as a problem that no process answers, and goes on when one does', async () => {
    await Promise.all([stop(0, 'SIGKILL'), stop(1, 'SIGKILL')]);
    const heard = await ask('POST', '/v1/memories', { namespace: 'user:none', key: 'a', value: {} });
    expect(heard).toMatchObject({ status: 503, headers: { 'retry-after': '2', ...STRICT } });
    expect(JSON.parse(heard.text)).toMatchObject({ status: 503, code: 'no-server' });
    await Promise.all([start(0), start(1)]);
    await until('nginx asks them again', async () => (await ask('GET', '/v1/sessions?limit=1')).status === 200);
  });

  it('has the projections brought to the head by the worker', async () => {
    await until('no projection is behind', async () => {
      const projections = JSON.parse((await ask('GET', '/v1/admin/projections')).text) as { lag: number }[];
      return projections.every(({ lag }) => lag === 0);
    });
  });

  it('leaves a log whose chain is unbroken', async () => {
    const { ok } = JSON.parse((await ask('POST', '/v1/audit/verify')).text) as { ok: boolean };
    expect(ok).toBe(true);
  });
});

describe('R-O8 nginx before two processes that break off every request', () => {
  const directory = temporaryDirectory();
  let secure: SecureAgent;
  const received: string[] = [];
  let front: number;
  let breakers: Server[];
  let nginx: ChildProcess;

  beforeAll(async () => {
    breakers = [0, 1].map(() =>
      createServer((incoming) => {
        received.push(`${incoming.method} ${incoming.url}`);
        incoming.socket.destroy();
      }).listen(0, '127.0.0.1'),
    );
    await Promise.all(breakers.map((server) => once(server, 'listening')));
    front = await freePort();
    secure = new SecureAgent({ ca: certify(directory) });
    const ports = breakers.map((server) => (server.address() as AddressInfo).port);
    const configuration = render(directory, { https: front, http: await freePort() }, ports);
    nginx = spawn(NGINX, ['-c', configuration, '-p', directory, '-g', 'daemon off;'], { stdio: 'ignore' });
    await until('nginx listens', () =>
      send(front, secure, 'GET', '/nothing').then(
        () => true,
        () => false,
      ),
    );
  }, 120_000);
  afterAll(async () => {
    secure.destroy();
    const exited = once(nginx, 'exit');
    nginx.kill('SIGTERM');
    await exited;
    breakers.forEach((server) => server.close());
  });

  it.each([
    ['GET', {}, 2],
    ['PUT', {}, 2],
    ['DELETE', {}, 2],
    ['POST', { 'idempotency-key': 'k' }, 2],
    ['POST', {}, 1],
  ] as const)('asks for %s %j %i times', async (method, headers, times) => {
    const path = `/v1/${method}-${times}`;
    // A process that failed before is left alone for two seconds.
    await until('a process is asked', async () => {
      received.splice(0);
      expect((await send(front, secure, method, path, undefined, headers)).status).toBe(503);
      return received.length >= times;
    });
    expect(received).toEqual(Array.from({ length: times }, () => `${method} ${path}`));
  });
});

describe('R-O8 nginx and TLS', () => {
  const directory = temporaryDirectory();
  const received: IncomingHttpHeaders[] = [];
  const plain = new Agent();
  let front: { https: number; http: number };
  let secure: SecureAgent;
  let ca: Buffer;
  let backend: Server;
  let nginx: ChildProcess;

  beforeAll(async () => {
    backend = createServer(({ headers }, response) => {
      received.push(headers);
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(backend, 'listening');
    front = { https: await freePort(), http: await freePort() };
    ca = certify(directory);
    secure = new SecureAgent({ ca });
    const { port } = backend.address() as AddressInfo;
    mkdirSync(join(directory, 'www/.well-known/acme-challenge'), { recursive: true });
    writeFileSync(join(directory, 'www/.well-known/acme-challenge/token'), 'proof');
    const configuration = render(directory, front, [port, await freePort()]);
    nginx = spawn(NGINX, ['-c', configuration, '-p', directory, '-g', 'daemon off;'], { stdio: 'ignore' });
    await until('nginx answers', () => answersReady(front.https, secure));
  }, 120_000);
  afterAll(async () => {
    plain.destroy();
    secure.destroy();
    const exited = once(nginx, 'exit');
    nginx.kill('SIGTERM');
    await exited;
    backend.closeAllConnections();
    backend.close();
  });

  /** What a handshake under these conditions agrees on, or how it is refused. */
  const agreed = (options: ConnectionOptions): Promise<string> =>
    new Promise((resolve) => {
      const socket = connectTls({ host: '127.0.0.1', port: front.https, ca, ...options }, () => {
        resolve(`${socket.getProtocol()} ${socket.getCipher().name} ${socket.alpnProtocol || 'no protocol'}`);
        socket.destroy();
      });
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });

  it('keeps the key from everybody', () => {
    expect(statSync(join(directory, 'tls')).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'tls/key.pem')).mode & 0o077).toBe(0);
  });

  it.each([
    ['TLSv1.3', /^TLSv1\.3 TLS_/],
    ['TLSv1.2', /^TLSv1\.2 ECDHE-/],
  ] as const)('speaks %s', async (version, expected) => {
    expect(await agreed({ minVersion: version, maxVersion: version })).toMatch(expected);
  });

  it.each(['TLSv1.1', 'TLSv1'] as const)('does not speak %s', async (version) => {
    const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
    expect(await agreed(old)).toMatch(/PROTOCOL_VERSION$/);
  });

  it('agrees on no cipher that is not both forward secret and authenticated', async () => {
    const weak = { maxVersion: 'TLSv1.2' as const, ciphers: 'AES128-GCM-SHA256:AES256-SHA:ECDHE-ECDSA-AES128-SHA' };
    expect(await agreed(weak)).toMatch(/HANDSHAKE_FAILURE$/);
  });

  it('is not believed by who does not know the certificate', async () => {
    expect(await agreed({ ca: [] })).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('speaks HTTP/2 with who can, several requests on one connection', async () => {
    expect(await agreed({ ALPNProtocols: ['h2', 'http/1.1'] })).toMatch(/ h2$/);
    const session = connectHttp2(`https://127.0.0.1:${front.https}`, { ca });
    const statuses = await Promise.all(
      [1, 2, 3].map(async (n) => {
        const stream = session.request({ ':path': `/v1/sessions?limit=${n}` });
        const [headers] = (await once(stream.resume(), 'response')) as [Record<string, unknown>];
        return [headers[':status'], headers['strict-transport-security']];
      }),
    );
    const closed = once(session, 'close');
    session.close();
    await closed;
    expect(statuses).toEqual([1, 2, 3].map(() => [200, 'max-age=31536000']));
  });

  it('tells the processes how it was asked and by whom, whatever the client says of that', async () => {
    received.splice(0);
    const forged = { 'x-forwarded-proto': 'http', 'x-forwarded-for': '10.9.8.7' };
    expect((await send(front.https, secure, 'GET', '/v1/sessions', undefined, forged)).status).toBe(200);
    expect(received).toMatchObject([{ 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' }]);
  });

  it('says with every answer that it is asked by https alone, its own ones too', async () => {
    for (const path of ['/v1/sessions', '/health', '/v1/audit/export'])
      expect((await send(front.https, secure, 'GET', path)).headers).toMatchObject(STRICT);
    const large = await send(front.https, secure, 'PUT', '/v1/memories/a/b', 'x'.repeat(18_000_000));
    expect(large).toMatchObject({ status: 413, headers: STRICT });
  });

  it('sends who asks without TLS to https, with what they asked for, and passes nothing on', async () => {
    received.splice(0);
    for (const method of ['GET', 'POST']) {
      const heard = await send(front.http, plain, method, '/v1/sessions?limit=1', undefined, {
        host: 'memory.example',
      });
      expect(heard).toMatchObject({ status: 308, headers: { location: 'https://memory.example/v1/sessions?limit=1' } });
    }
    expect(received).toEqual([]);
  });

  it.each([{ authorization: 'Bearer abk_1' }, { 'x-api-key': 'abk_1' }])(
    'refuses who shows a key without TLS: %j',
    async (headers) => {
      received.splice(0);
      const heard = await send(front.http, plain, 'GET', '/v1/sessions', undefined, headers);
      expect(heard).toMatchObject({ status: 403, headers: { 'content-type': 'application/problem+json' } });
      expect(JSON.parse(heard.text)).toMatchObject({ status: 403, code: 'key-shown' });
      expect(received).toEqual([]);
    },
  );

  it('answers who checks that the name is ours before they certify it', async () => {
    const heard = await send(front.http, plain, 'GET', '/.well-known/acme-challenge/token');
    expect(heard).toMatchObject({ status: 200, text: 'proof' });
  });
});

/** A certificate and its key, made as the page says. Returns the certificate. */
function certify(directory: string): Buffer {
  const page = readFileSync('deploy/README.md', 'utf8').replace(/\\\n\s*/g, '');
  const [commands] = /^install .*\/tls\nopenssl .*$/m.exec(page)!;
  const made = spawnSync('bash', ['-ec', commands.replaceAll(TLS, join(directory, 'tls'))], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${dirname(programPath('openssl', 'openssl'))}:${process.env.PATH}` },
  });
  if (made.status !== 0) throw new Error(made.stderr);
  return readFileSync(join(directory, 'tls/fullchain.pem'));
}

/** The shipped file with other ports and paths, in the frame that nginx wants around it. */
function render(directory: string, front: { https: number; http: number }, [first, second]: number[]): string {
  const both = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  );
  const site = (both ? SHIPPED : SHIPPED.replaceAll(/^ *listen \[::\].*\n/gm, ''))
    .replace('listen 80;', `listen 127.0.0.1:${front.http};`)
    .replace('listen [::]:80;', `listen [::1]:${front.http};`)
    .replace('listen 443 ', `listen 127.0.0.1:${front.https} `)
    .replace('listen [::]:443 ', `listen [::1]:${front.https} `)
    .replaceAll(TLS, join(directory, 'tls'))
    .replace('127.0.0.1:8001', `127.0.0.1:${first}`)
    .replace('127.0.0.1:8002', `127.0.0.1:${second}`)
    .replaceAll('/var/log/nginx/abathur.log', join(directory, 'access.log'))
    .replace('/var/www/html', join(directory, 'www'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  mkdirSync(join(directory, 'nginx'), { recursive: true });
  writeFileSync(join(directory, 'nginx/abathur.conf'), site);
  const file = join(directory, 'nginx/nginx.conf');
  writeFileSync(
    file,
    `pid ${directory}/nginx/pid;
     error_log ${directory}/nginx/error.log warn;
     worker_processes 2;
     ${process.getuid?.() === 0 ? 'user root;' : ''}
     events { worker_connections 512; }
     http {
       ${temporary.map((name) => `${name}_temp_path ${directory}/nginx/${name};`).join('\n')}
       include ${directory}/nginx/abathur.conf;
     }`,
  );
  return file;
}

const answersReady = (port: number, agent: Agent): Promise<boolean> =>
  send(port, agent, 'GET', '/health/ready').then(
    ({ status }) => status === 200,
    () => false,
  );

const heardOf = (work: () => Promise<Heard>): Promise<Heard | string> =>
  work().catch((error: Error) => `${(error as { code?: string }).code ?? ''} ${error.message}`);

const over = (agent: Agent): typeof request => (agent instanceof SecureAgent ? secureRequest : request);

function send(
  port: number,
  agent: Agent,
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<Heard> {
  const type =
    body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const call = over(agent)(
      { host: '127.0.0.1', port, method, path, agent, headers: { ...type, ...headers } },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers as Record<string, string>, text }),
        );
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

/** An answer without an end. */
async function open(
  port: number,
  agent: Agent,
  path: string,
  headers: Record<string, string>,
): Promise<IncomingMessage> {
  const call = over(agent)({ host: '127.0.0.1', port, path, agent, headers });
  call.on('error', () => undefined);
  call.end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}
