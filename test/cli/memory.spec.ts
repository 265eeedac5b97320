import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { client, freePort, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

const CLI = join(process.cwd(), 'dist/apps/cli/main.js');
const VERBS = [
  'list',
  'get',
  'delete',
  'archive',
  'restore',
  'consolidate',
  'conflicts',
  'resolve',
  'export',
  'import',
];

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

async function abathur(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args]);
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

describe('R-O9 abathur memory', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    for (const [part, text] of [
      ['a', 'Ann has 2 dogs.'],
      ['b', 'Ann has two dogs.'],
      ['b', 'Ann has a boat.'],
    ] as const)
      await put(`user:ann:${part}`, text.includes('boat') ? 'boat' : 'dogs', text);
  });
  afterAll(() => server.stop());

  const put = (namespace: string, key: string, text: string) =>
    client(server).put(`/v1/memories/${namespace}/${key}`).send({ value: { text } }).expect(201);
  const memory = (verb: string, ...args: string[]): Promise<Ended> =>
    abathur('memory', verb, ...args, '--url', server.url);
  const json = async (verb: string, ...args: string[]): Promise<never> => {
    const { code, out, err } = await memory(verb, ...args, '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return JSON.parse(out) as never;
  };

  it.each(VERBS)('%s tells in its help what it is for, with an example', async (verb) => {
    const { code, out } = await abathur('memory', verb, '--help');
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Example:\\n {2}abathur memory ${verb}`));
  });

  it('list shows what there is, and get shows one', async () => {
    const { out } = await memory('list', 'user:ann');
    expect(out).toMatch(/^NAMESPACE/);
    expect(out.split('\n')).toHaveLength(5);
    const page: { items: object[] } = await json('list', 'user:ann', '--filter', '{"key": "boat"}');
    expect(page.items).toMatchObject([{ key: 'boat' }]);
    expect(await json('get', 'user:ann:b', 'boat')).toMatchObject({ value: { text: 'Ann has a boat.' }, version: 1 });
    expect((await memory('get', 'user:ann:b', 'none')).err).toMatch(/There is no memory user:ann:b\/none/);
  });

  it('consolidate tells what it would do, does it, and restore takes it back', async () => {
    const dry = await memory('consolidate', 'user:ann', '--strategy', 'merge', '--dry-run');
    expect(dry).toMatchObject({
      code: 0,
      out: expect.stringMatching(/would be consolidated[\s\S]*Nothing was written/),
    });
    expect(await json('consolidate', 'user:ann', '--strategy', 'merge')).toMatchObject({ scanned: 3, consolidated: 1 });
    expect(await json('get', 'user:ann:a', 'dogs')).toMatchObject({ consolidated_into: expect.any(Number) });
    expect((await memory('list', 'user:ann', '--include-superseded')).out).toMatch(/superseded/);
    await json('restore', 'user:ann:a', 'dogs');
    expect(await json('get', 'user:ann:a', 'dogs')).toMatchObject({ consolidated_into: null });
  });

  it('conflicts lists them, and resolve settles one', async () => {
    await put('user:bo:a', 'plan', 'Bo goes to Oslo.');
    await put('user:bo:b', 'plan', 'Bo goes to Rome.');
    await json('consolidate', 'user:bo', '--strategy', 'manual');
    const page: { items: { id: string }[] } = await json('conflicts', 'user:bo', '--status', 'open');
    const [{ id }] = page.items as [{ id: string }];
    expect((await memory('conflicts', 'user:bo')).out).toContain(id);
    const wrong = await memory('resolve', id, '--strategy', 'manual');
    expect(wrong).toMatchObject({ code: 65, out: '' });
    expect(wrong.err).toMatch(/value: is missing/);
    expect(await memory('resolve', id, '--strategy', 'manual', '--value', '{no')).toMatchObject({ code: 64 });
    const { out } = await memory('resolve', id, '--strategy', 'manual', '--value', '{"text": "Bo stays."}');
    expect(out).toMatch(/Resolved by manual/);
    expect(await json('get', 'user:bo:b', 'plan')).toMatchObject({ value: { text: 'Bo stays.' }, version: 2 });
    expect((await memory('resolve', id, '--strategy', 'merge')).code).toBe(65);
  });

  it('delete, archive and restore one, and archive many', async () => {
    await put('user:cy', 'k', 'Cy sings.');
    await json('delete', 'user:cy', 'k');
    expect((await memory('get', 'user:cy', 'k')).code).toBe(1);
    await json('restore', 'user:cy', 'k');
    expect(await json('archive', 'user:cy', 'k')).toMatchObject({ is_archived: true });
    expect(await json('list', 'user:cy')).toMatchObject({ items: [] });
    await json('restore', 'user:cy', 'k');
    expect(await json('archive', '--prefix', 'user:cy', '--dry-run')).toMatchObject({ archived: 0, dry_run: true });
    expect(await memory('archive', 'user:cy')).toMatchObject({ code: 64 });
    expect(await memory('archive', 'user:cy', 'k', '--dry-run')).toMatchObject({ code: 64 });
  });

  it('export writes lines that import reads, and importing them again writes nothing', async () => {
    const file = join(temporaryDirectory(), 'ann.ndjson');
    expect(await json('export', 'user:ann', '--out', file)).toMatchObject({ memories: 3 });
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(3);
    expect((await memory('export', 'user:ann')).out).toBe(readFileSync(file, 'utf8'));
    expect(await memory('export', 'user:ann', '--out', file)).toMatchObject({ code: 65 });
    expect(await json('import', file)).toEqual({ imported: 3, written: 0, unchanged: 3 });
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('user:ann', 'user:dee'));
    expect(await memory('import', file)).toMatchObject({ code: 0, out: expect.stringMatching(/3 written/) });
    writeFileSync(file, `${readFileSync(file, 'utf8')}{"namespace": "user:dee"}\n`);
    const wrong = await memory('import', file);
    expect(wrong).toMatchObject({ code: 65 });
    expect(wrong.err).toMatch(/line 4/);
    expect(await memory('import', join(temporaryDirectory(), 'none'))).toMatchObject({ code: 66 });
    expect(existsSync(file)).toBe(true);
  });

  it('says what is wrong with what it was given, and that no server answers', async () => {
    expect(await memory('consolidate', 'user:ann', '--strategy', 'guess')).toMatchObject({ code: 64 });
    expect(await memory('consolidate', 'user:ann')).toMatchObject({ code: 64 });
    expect(await memory('consolidate', 'user::x', '--strategy', 'merge')).toMatchObject({ code: 65 });
    const port = await freePort();
    const { code, err } = await abathur('memory', 'list', '--url', `http://127.0.0.1:${port}`);
    expect(code).toBe(69);
    expect(err).toMatch(/No server answers/);
  });
});
