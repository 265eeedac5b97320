import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { client, startServer, type TestServer } from '../support/server.js';

describe('Memories over REST', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  it('R-M3 keeps every version', async () => {
    const api = client(server);
    const at = '/v1/memories/user:alice/coffee';
    await api
      .put(at)
      .send({ value: { taste: 'black' } })
      .expect(201)
      .expect('ETag', '"1"');
    await api
      .put(at)
      .send({ value: { taste: 'white' } })
      .expect(200)
      .expect('ETag', '"2"');
    await api
      .put(at)
      .send({ value: { taste: 'white' } })
      .expect(200)
      .expect('ETag', '"2"');
    const { body } = await api.get(`${at}?version=1`).expect(200);
    expect(body.value).toEqual({ taste: 'black' });
  });
});
