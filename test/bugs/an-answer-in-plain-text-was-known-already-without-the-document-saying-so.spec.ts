import { expect, it } from '@jest/globals';
import { client, startServer } from '../support/server.js';

it('R-O8 GET of a text that the client has already is 304, and the document says so', async () => {
  const server = await startServer({ ABATHUR_BACKGROUND: 'off' });
  const api = client(server);
  const { body } = await api.get('/openapi.json').expect(200);
  const { paths } = body as { paths: Record<string, { get: { responses: object } }> };
  for (const path of ['/v1/audit/checkpoint', '/v1/audit/keys']) {
    const first = await api.get(path).expect(200);
    await api.get(path).set('If-None-Match', first.headers['etag']!).expect(304);
    expect(Object.keys(paths[path]!.get.responses)).toContain('304');
  }
  // What is sent as it is found is not known before its end.
  for (const path of ['/v1/memories/export', '/v1/audit/export', '/v1/audit/feed'])
    expect(Object.keys(paths[path]!.get.responses)).not.toContain('304');
  await server.stop();
});
