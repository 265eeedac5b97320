import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { abathur } from '../support/cli.js';
import { freePort, startServer } from '../support/server.js';

describe('R-O8 abathur ready', () => {
  it('says yes of a server that is ready', async () => {
    const server = await startServer({ ABATHUR_DB_POOL_MIN: '1', ABATHUR_BACKGROUND: 'off' });
    expect(await abathur(['ready', '--url', server.url])).toEqual({
      code: 0,
      out: `${server.url} is ready.\n`,
      err: '',
    });
    await server.stop();
  });

  it('says no, and why, where there is none', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, out } = await abathur(['ready', '--url', url, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      url,
      ready: false,
      status: 'none',
      reasons: ['no server answers (ECONNREFUSED)'],
    });
  });

  it('waits for one that is not ready yet', async () => {
    let asked = 0;
    const late = createServer((_, reply) => {
      asked += 1;
      reply.writeHead(asked < 4 ? 503 : 200, { 'content-type': 'application/json' });
      reply.end(JSON.stringify(asked < 4 ? { status: 'failed', reasons: ['not yet'] } : { status: 'ok', reasons: [] }));
    }).listen(0, '127.0.0.1');
    await once(late, 'listening');
    const url = `http://127.0.0.1:${(late.address() as AddressInfo).port}`;
    expect(await abathur(['ready', '--url', url])).toMatchObject({ code: 1, out: `${url} is not ready: not yet.\n` });
    expect(await abathur(['ready', '--url', url, '--wait', '60'])).toMatchObject({ code: 0 });
    expect(asked).toBe(4);
    late.closeAllConnections();
    late.close();
  });
});
