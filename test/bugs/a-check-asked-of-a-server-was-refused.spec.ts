import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { abathur } from '../support/cli.js';
import { startServer, type TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

it('abathur integrity has a running server check its database, and tells what it found', async () => {
  const { code, out } = await abathur(['integrity', '--url', server.url]);
  expect(out).toMatch(/^Everything fits together up to position \d+/m);
  expect(code).toBe(0);
});
