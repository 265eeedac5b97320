import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startKeyedServer } from '../support/keyed-server.js';
import { operationsOf, type ApiDocument } from '../support/openapi.js';
import { expectProblem } from '../support/problem.js';
import { exchange, spell } from '../support/raw.js';
import { startServer, type TestServer } from '../support/server.js';

const ALL = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

describe('A method', () => {
  let server: TestServer;
  let paths: Map<string, string[]>;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as ApiDocument;
    paths = new Map();
    for (const { path, method } of operationsOf(document))
      paths.set(path, [...(paths.get(path) ?? []), ...(method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()])]);
  });
  afterAll(() => server.stop());

  const ask = (method: string, path: string, headers: string[] = []) =>
    exchange(server.port, spell({ method, path, headers }));
  /** A path as somebody asks for it; where two paths look alike, what the one has not, the other may have. */
  const asked = (path: string): string =>
    path
      .replace('{namespace}/{key}', 'user:x/k')
      .replace('{position}', '1')
      .replace(/\{\w+\}/g, 'x');

  const sorted = (methods: string[]): string[] => methods.toSorted();

  it('R-O8 that a path has not is 405, and Allow names those that it has', async () => {
    expect(paths.size).toBeGreaterThan(60);
    for (const [path, methods] of paths) {
      for (const method of ALL.filter((one) => !methods.includes(one))) {
        const { status, headers, text } = (await ask(method, asked(path)))!;
        const allowed = sorted((headers['allow'] ?? '').split(', '));
        expect({ path, method, status, allowed }).toEqual({ path, method, status: 405, allowed: sorted(methods) });
        const body = method === 'HEAD' ? text : (JSON.parse(text) as { code: string }).code;
        expect(body).toBe(method === 'HEAD' ? '' : 'method-not-allowed');
        expect(headers['content-type']).toMatch(/^application\/problem\+json/);
      }
    }
  });

  it('R-O8 HEAD is GET without the body', async () => {
    const readable = [...paths].filter(([, methods]) => methods.includes('GET')).map(([path]) => asked(path));
    // The feed goes on without an end.
    for (const path of readable.filter((one) => one !== '/v1/audit/feed')) {
      const [head, get] = [(await ask('HEAD', path))!, (await ask('GET', path))!];
      const seen = ({ status, headers }: typeof head) => ({ path, status, type: headers['content-type'] });
      expect({ ...seen(head), text: head.text }).toEqual({ ...seen(get), text: '' });
    }
    expect(await ask('HEAD', '/v1/audit/feed')).toMatchObject({ status: 200, text: '' });
  });

  it('R-O8 that no path has is 501, and CONNECT is no way through', async () => {
    for (const method of ['PROPFIND', 'LOCK', 'SEARCH', 'CONNECT']) {
      const answer = await ask(method, '/v1/memories');
      expectProblem({ ...answer, body: JSON.parse(answer!.text) as object }, 501, { code: 'method-not-implemented' });
    }
    const tunnel = await ask('CONNECT', '127.0.0.1:22');
    expect(tunnel).toMatchObject({ status: 501, headers: { connection: 'close' } });
    expect(server.output()).not.toContain('request-failed');
  });

  it('R-O8 is refused as such to whoever shows no key as well', async () => {
    const keyed = await startKeyedServer({ ABATHUR_BACKGROUND: 'off' });
    const answer = await exchange(keyed.port, spell({ method: 'PATCH', path: '/v1/memories' }));
    await keyed.stop();
    expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, POST' } });
  });

  it('R-O8 is told where a path is not there at all', async () => {
    for (const method of ['DELETE', 'OPTIONS', 'PATCH']) expect((await ask(method, '/v1/nothing'))!.status).toBe(404);
  });

  it('R-O8 leaves nothing open when the headers of a feed were all that was asked for', async () => {
    for (let n = 0; n < 50; n++) await ask('HEAD', '/v1/audit/feed');
    expect((await ask('GET', '/health/ready'))!.status).toBe(200);
  });
});
