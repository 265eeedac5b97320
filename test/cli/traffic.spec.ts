import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { abathur } from '../support/cli.js';
import { startServer, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

interface Figures {
  due: number;
  unsent: number;
  all: { answered: number; shed: number; failed: number };
  kinds: { kind: string; answered: number; failed: number }[];
  failures: string[];
}

describe('R-O6 abathur traffic', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({
      ABATHUR_DB_SYNCHRONOUS: 'NORMAL',
      ABATHUR_DB_POOL_MIN: '4',
      ABATHUR_DB_POOL_MAX: '4',
    });
  });
  afterAll(() => server.stop());

  const run = async (...more: string[]): Promise<Figures> => {
    const { out, err } = await abathur(['traffic', '--url', server.url, '--json', ...more]);
    expect(err).toBe('');
    return JSON.parse(out) as Figures;
  };

  it('does the work of agents, and nothing of it is refused', async () => {
    const figures = await run('--sessions', '20', '--rate', '0', '--for', '6s');
    expect(figures.failures).toEqual([]);
    expect(figures.all.failed).toBe(0);
    expect(figures.kinds.map(({ kind }) => kind)).toContain('open a session');
    const { items } = (await (await fetch(`${server.url}/v1/sessions?app_name=traffic`)).json()) as {
      items: unknown[];
    };
    expect(items.length).toBeGreaterThan(0);
  });

  it('counts each request that was due once: answered, shed, failed or never sent', async () => {
    const { due, unsent, all } = await run('--sessions', '30', '--rate', '60', '--for', '3s');
    expect(due).toBeGreaterThan(0);
    expect(unsent + all.answered + all.shed + all.failed).toBe(due);
  });

  // A time is no proof on a busy machine; what is open before and after is.
  it('leaves the server with the handles that it had: none is lost with a connection or a session', async () => {
    const handles = (): number => readdirSync(`/proc/${server.process.pid}/fd`).length;
    const settled = async (): Promise<number> => {
      let [last, same] = [-1, 0];
      await until(
        'handles that stay',
        () => {
          const now = handles();
          same = now === last ? same + 1 : 0;
          last = now;
          return same >= 20;
        },
        { every: 100 },
      );
      return last;
    };
    await run('--sessions', '120', '--rate', '0', '--for', '3s');
    const before = await settled();
    for (let round = 0; round < 3; round++)
      await run('--sessions', '60', '--rate', '0', '--for', '2s', '--seed', `${round}`);
    await until('no more handles than before', () => handles() <= before, {
      instead: () => ({ before, now: handles() }),
    });
  }, 240_000);

  it('does not load another machine unless it is told to', async () => {
    const { code, err } = await abathur(['traffic', '--url', 'http://192.0.2.1:8000', '--for', '1s']);
    expect({ code, err }).toEqual({ code: 64, err: expect.stringContaining('Say --anywhere') as string });
  });

  it('answers 1 when more than one in a thousand failed, and tells the first of them', async () => {
    const broken = createServer(({ url }, response) => {
      const lives = url === '/health/live';
      response
        .writeHead(lives ? 200 : 500, { 'content-type': 'application/json' })
        .end(lives ? '{"status":"ok"}' : '{}');
    }).listen(0, '127.0.0.1');
    await once(broken, 'listening');
    try {
      const url = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`;
      const { code, out } = await abathur([
        'traffic',
        '--url',
        url,
        '--sessions',
        '2',
        '--rate',
        '0',
        '--for',
        '1s',
        '--json',
      ]);
      expect(code).toBe(1);
      const { all, failures } = JSON.parse(out) as Figures;
      expect(all.answered).toBe(0);
      expect(all.failed).toBeGreaterThan(0);
      expect(failures[0]).toBe('POST /v1/sessions: 500 {}');
    } finally {
      broken.closeAllConnections();
      broken.close();
    }
  });
});
