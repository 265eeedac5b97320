import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'node:http';
import { connect } from 'node:net';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

describe('Health, and HTTP at its edges', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer();
    api = client(server);
  });
  afterAll(() => server.stop());

  /** Sends bytes as they are; what comes back until the server closes or has answered in full. */
  const raw = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(server.port, '127.0.0.1', () => socket.end(text));
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
    });

  it('R-O8 is alive and ready', async () => {
    expect((await api.get('/health/live').expect(200)).body).toEqual({ status: 'ok' });
    expect((await api.get('/health/ready').expect(200)).body).toEqual({ status: 'ok', reasons: [] });
  });

  it('R-S2 shows every part, and the pragmas that were set', async () => {
    const { body } = await api.get('/health').expect(200);
    expect(body).toMatchObject({ status: 'ok', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(Object.keys(body.parts)).toEqual(expect.arrayContaining(['database', 'writer', 'readers', 'projections']));
    for (const part of Object.values(body.parts)) expect(part).toMatchObject({ status: 'ok' });
    expect(body.parts.database.details.pragmas).toEqual({
      journal_mode: 'wal',
      synchronous: 2,
      foreign_keys: 1,
      recursive_triggers: 1,
      busy_timeout: 5000,
      wal_autocheckpoint: 1000,
      cache_size: -64000,
      temp_store: 2,
      journal_size_limit: 67108864,
      mmap_size: 268435456,
    });
    expect(body.parts.readers.details).toMatchObject({ min: 5, max: 20 });
  });

  it('R-O1 exports metrics as Prometheus reads them', async () => {
    const { text } = await api
      .get('/metrics')
      .expect(200)
      .expect('Content-Type', /^text\/plain; version=0\.0\.4/);
    expect(text).toMatch(/^abathur_log_position \d+$/m);
    expect(text).toMatch(/^abathur_http_requests_total\{method="GET",route="\/health",code="200"\} \d+$/m);
  });

  it('R-O8 gives every request an id, its own where it is fit for a log', async () => {
    await api.get('/health/live').set('X-Request-Id', 'mine-1.2:3').expect('X-Request-Id', 'mine-1.2:3');
    await api.get('/v1/nowhere').set('X-Request-Id', 'mine').expect('X-Request-Id', 'mine');
    for (const unfit of ['two words', 'x'.repeat(129), '<script>']) {
      const { headers } = await api.get('/health/live').set('X-Request-Id', unfit);
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
    const [one, other] = [await api.get('/health/live'), await api.get('/health/live')];
    expect(one.headers['x-request-id']).not.toBe(other.headers['x-request-id']);
  });

  it.each([
    ['GET', '/v1/nowhere'],
    ['POST', '/'],
    ['GET', '/v1'],
    ['GET', '/v1/sessions/'],
    ['GET', '/v1//sessions'],
    ['GET', '/V1/sessions'],
    ['GET', '/v1/sessions/a/b/c'],
    ['POST', '/v1/nowhere'],
    ['PATCH', '/v1/sessions/a'],
    ['DELETE', '/v1/sessions'],
    ['PUT', '/v1/memories'],
    ['OPTIONS', '/v1/memories'],
    ['TRACE', '/v1/memories'],
  ])('R-O8 answers %s %s with a problem', async (method, path) => {
    const answer = await new Promise<object>((resolve, reject) => {
      request({ port: server.port, host: '127.0.0.1', method, path }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () =>
          resolve({ status: response.statusCode, headers: response.headers, body: JSON.parse(text) as object }),
        );
      })
        .on('error', reject)
        .end();
    });
    expectProblem(answer, 404, { code: 'route-not-found' });
  });

  it('R-O8 answers HEAD as GET, without the body', async () => {
    await api.put('/v1/memories/user:head/k').send({ value: {} }).expect(201);
    for (const path of [
      '/v1/memories?limit=1',
      '/v1/memories/user:head/k',
      '/v1/sessions',
      '/v1/audit/head',
      '/health',
    ]) {
      const { headers, text } = await api.head(path).expect(200);
      expect(headers['content-type']).toMatch(/^application\/json/);
      expect(text ?? '').toBe('');
    }
    await api.head('/v1/memories?limit=many').expect(400);
    await api.head('/v1/memories/user:head/none').expect(404);
    await api.head('/v1/memories/user:head/k').set('If-None-Match', '"1"').expect(304);
  });

  it('R-O8 refuses a body where none is taken', async () => {
    expectProblem(await api.get('/v1/memories').send({ limit: 1 }), 400, { field: 'body' });
    expectProblem(await api.delete('/v1/memories/user:head/k').send({}), 400, { field: 'body' });
  });

  it.each([
    ['what is no HTTP', 'HELLO\r\n\r\n', 400],
    [
      'two lengths of a body',
      'POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{',
      400,
    ],
    [
      'a length beside chunks',
      'POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a header above 16 KiB', `GET /v1/sessions HTTP/1.1\r\nhost: x\r\nx-long: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
  ])('R-O8 answers %s with a problem, and goes on', async (_, text, status) => {
    const answer = await raw(text);
    const [headers, body] = answer.split('\r\n\r\n');
    expect(headers).toContain(`HTTP/1.1 ${status} `);
    expect(headers!.toLowerCase()).toContain('content-type: application/problem+json');
    expect(JSON.parse(body!)).toMatchObject({ status, request_id: expect.any(String) });
    await api.get('/health/live').expect(200);
  });

  it('R-O8 answers requests that come in one piece, in order', async () => {
    const get = (path: string, last = false): string =>
      `GET ${path} HTTP/1.1\r\nhost: x\r\n${last ? 'connection: close\r\n' : ''}\r\n`;
    const answer = await raw(get('/health/live') + get('/v1/nowhere') + get('/v1/audit/head', true));
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  });
});

describe('T22 A server', () => {
  const start = (environment: Record<string, string>): Promise<string> =>
    startServer(environment).then(
      async (server) => {
        const { body } = await client(server).get('/health').expect(200);
        await server.stop();
        return `${JSON.stringify(body)}\n${server.output()}`;
      },
      (error: Error) => error.message,
    );

  it('that asks nobody for a key says so at its start, in its log and in its health', async () => {
    const said = await start({});
    expect(said).toMatch(/WARNING Nobody is asked for a key/);
    expect(said).toContain('"no-keys"');
    expect(said).toMatch(/"auth":\{"status":"ok","reason":"nobody is asked for a key/);
  });

  it('that others may reach does not start without keys, and says how to make one', async () => {
    // A name like any other as far as can be told, which leads to this machine.
    for (const environment of [{ HOST: '127.1' }, { NODE_ENV: 'production' }, { ABATHUR_AUTH: 'keys' }])
      expect(await start(environment)).toMatch(/ended with 78:\n.*no operator's key yet.*abathur keys create/);
    expect(await start({ HOST: '127.1', ABATHUR_AUTH: 'off' })).toMatch(/ended with 78:\nABATHUR_AUTH is "off", but/);
  });
});
