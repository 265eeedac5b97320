import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

const CLI = join(process.cwd(), 'dist/apps/cli/main.js');

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

describe('R-O9 abathur audit', () => {
  let server: TestServer;
  const directory = temporaryDirectory();

  const start = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [CLI, 'audit', ...args], {
      cwd: directory,
      env: { ...process.env, ABATHUR_DB_PATH: server.path, PORT: String(server.port) },
    });
  const ended = async (child: ChildProcess): Promise<Ended> => {
    let [out, err] = ['', ''];
    child.stdout!.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  };
  const audit = (...args: string[]): Promise<Ended> => ended(start(...args));
  const json = async <T>(...args: string[]): Promise<T> => {
    const { code, out, err } = await audit(...args, '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return JSON.parse(out) as T;
  };
  const put = (ns: string, key: string, n: number, correlation: string) =>
    client(server)
      .put(`/v1/memories/${ns}/${key}`)
      .set('X-Correlation-Id', correlation)
      .send({ value: { n } })
      .expect(({ status }) => expect([200, 201]).toContain(status));

  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
  });
  afterAll(() => server.stop());

  interface Page {
    items: { position: number; type: string; memory_namespace: string | null; correlation_id: string }[];
    next_cursor: string | null;
  }

  /** The same of a server, and of the file that it has open. */
  describe.each([
    ['through the server', () => ['--url', server.url], /^Asking the server at http:/],
    ['on the file', () => ['--file'], /^Reading the file \//],
  ])('%s', (_, target, says) => {
    let where: string[];
    const [ns, earlier, operation] = [`user:${randomUUID()}`, randomUUID(), randomUUID()];
    beforeAll(async () => {
      where = target();
      await put(ns, 'a', 1, earlier);
      await put(ns, 'a', 2, operation);
      await put(ns, 'b', 1, operation);
    });

    it('says where it looks, and lists by filter and page by page', async () => {
      const { out, err, code } = await audit('list', '--namespace-prefix', ns, ...where);
      expect(code).toBe(0);
      expect(err).toMatch(says);
      expect(out.trimEnd().split('\n')).toHaveLength(3);
      const page = await json<Page>('list', '--correlation-id', operation, '--limit', '1', '--order', 'desc', ...where);
      expect(page.items).toMatchObject([{ type: 'MemoryWritten', memory_namespace: ns, correlation_id: operation }]);
      const next = ['--cursor', page.next_cursor!, '--limit', '1', '--order', 'desc'];
      const more = await json<Page>('list', '--correlation-id', operation, ...next, ...where);
      expect(more.items[0]!.position).toBe(page.items[0]!.position - 1);
    });

    it('shows an entry', async () => {
      const [entry] = (await json<Page>('list', '--correlation-id', earlier, ...where)).items;
      expect(await json('show', String(entry!.position), ...where)).toEqual(entry);
      expect((await audit('show', String(entry!.position), ...where)).out).toMatch(
        new RegExp(`^correlation_id +${earlier}$`, 'm'),
      );
      expect(await audit('show', '999999', ...where)).toMatchObject({
        code: 1,
        err: expect.stringContaining('999999'),
      });
    });

    it('follows, until it has seen enough', async () => {
      const { out, code } = await audit(
        'follow',
        '--after',
        '0',
        '--type',
        'MemoryWritten',
        '--limit',
        '4',
        '--json',
        ...where,
      );
      const told = out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Page['items'][0]);
      expect([code, told.map(({ type }) => type)]).toEqual([0, Array.from({ length: 4 }, () => 'MemoryWritten')]);
    });

    it('follows, until Ctrl-C', async () => {
      const child = start('follow', '--after', '0', ...where);
      await once(child.stdout!, 'data');
      child.kill('SIGINT');
      expect((await ended(child)).code).toBe(130);
    });

    it('exports to a file that is there when all of it is, or to where it is told to', async () => {
      const out = join(directory, `${randomUUID()}.ndjson`);
      const trailer = await json<{ entries: number; file: string }>('export', '--out', out, ...where);
      const lines = readFileSync(out, 'utf8').trimEnd().split('\n');
      expect(trailer).toMatchObject({ file: out, entries: lines.length - 2 });
      expect(JSON.parse(lines.at(-1)!)).toEqual({ trailer: { ...trailer, file: undefined } });
      const { out: text } = await audit('export', '--correlation-id', operation, ...where);
      expect(text.trimEnd().split('\n')).toHaveLength(4);
      const nowhere = join(directory, 'none', 'x.ndjson');
      expect(await audit('export', '--out', nowhere, ...where)).toMatchObject({
        code: 66,
        err: expect.stringContaining('ENOENT'),
      });
      expect(existsSync(`${nowhere}.partial`)).toBe(false);
    });

    it('compares two positions', async () => {
      const [first] = (await json<Page>('list', '--correlation-id', operation, ...where)).items;
      const from = String(first!.position - 1);
      const { items } = await json<{ items: object[] }>('diff', from, String(first!.position + 1), ...where);
      expect(items).toMatchObject([
        { kind: 'memory', namespace: ns, key: 'a', change: 'changed', from_version: 1, to_version: 2 },
        { kind: 'memory', namespace: ns, key: 'b', change: 'created' },
      ]);
      const { out } = await audit('diff', from, String(first!.position + 1), '--namespace-prefix', ns, ...where);
      expect(out).toContain(`changed  memory ${ns}/a (version 1 to 2)\n    replace /value/n 2\n`);
      expect(await audit('diff', '9', '1', ...where)).toMatchObject({ code: 65, err: expect.stringContaining('from') });
    });

    it('tells why a memory is what it is', async () => {
      expect(await json('why', ns, 'a', ...where)).toMatchObject({ came_from: [], led_to: [] });
      expect((await audit('why', ns, 'a', ...where)).out).toMatch(
        new RegExp(`MemoryWritten .* operation ${operation}\n`),
      );
      expect(await audit('why', ns, 'none', ...where)).toMatchObject({ code: 1 });
    });

    it('takes back, after a dry run, and back again', async () => {
      const { out } = await audit('revert', operation, '--dry-run', ...where);
      expect(out).toMatch(new RegExp(`^${operation} would be taken back by 3 new events:\n`));
      const done = await json<{ reverted_by: string; events: number }>('revert', operation, ...where);
      expect(done.events).toBe(3);
      expect((await audit('revert', operation, ...where)).out).toContain('There is nothing left to do.');
      expect(await json('revert', done.reverted_by, ...where)).toMatchObject({
        operation: done.reverted_by,
        events: 4,
      });
    });

    it('does not take back what others have built on: a dry run says no, without it it is refused', async () => {
      const [mine, key] = [randomUUID(), randomUUID()];
      await put(ns, key, 1, mine);
      await put(ns, key, 2, 'somebody');
      const told = await audit('revert', mine, '--dry-run', ...where);
      expect([told.code, told.out]).toEqual([1, expect.stringMatching(/MemoryWritten at \d+ \(somebody\)/)]);
      expect(await audit('revert', mine, ...where)).toMatchObject({
        code: 65,
        err: expect.stringContaining('was changed or used since'),
      });
      expect(await audit('revert', 'nobody', ...where)).toMatchObject({ code: 1 });
    });
  });

  it('refuses options that it does not know, and values that make no sense', async () => {
    expect(await audit('list', '--limit', '0')).toMatchObject({ code: 64, out: '' });
    expect(await audit('list', '--memory-operation', 'think')).toMatchObject({ code: 64 });
    expect(await audit('list', '--cursor', 'nonsense')).toMatchObject({ code: 65 });
    expect(await audit('list', '--file', join(directory, 'none.db'))).toMatchObject({ code: 66 });
  });

  it('works on the file when the server is down, and says so', async () => {
    await server.stop();
    const { code, err, out } = await audit('list', '--type', 'SessionCreated');
    expect(code).toBe(0);
    expect(err).toMatch(/^Reading the file \//);
    expect(out.trimEnd().split('\n')).toHaveLength(1);
  });
});
