import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { client, freePort, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

const CLI = join(process.cwd(), 'dist/apps/cli/main.js');
const SHIM = join(process.cwd(), 'apps/cli/abathur.mjs');
const SAMPLE = join(process.cwd(), 'test/fixtures/conversations.sample.json');
const TURNS = 19;
const SESSIONS = 5;

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the command line to its end; `during` may act on it meanwhile. */
async function run(
  command: string[],
  environment: Record<string, string> = {},
  during?: (interrupt: () => void) => Promise<void>,
): Promise<Ended> {
  const child = spawn(process.execPath, command, { env: { ...process.env, ...environment } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const closed = once(child, 'close');
  await during?.(() => child.kill('SIGINT'));
  const [code] = (await closed) as [number | null];
  return { code, out, err };
}

const abathur = (...args: string[]): Promise<Ended> => run([CLI, ...args]);

function file(content: unknown): string {
  const path = join(temporaryDirectory(), 'conversations.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

interface Conversation {
  sample_id: unknown;
  sessions: { date_time: unknown; turns: { id?: unknown; text?: unknown }[] }[];
}

/** The sample with one thing in it changed, in one of its two conversations. */
function sampleWith(which: 0 | 1, change: (conversation: Conversation) => void): string {
  const conversations = JSON.parse(readFileSync(SAMPLE, 'utf8')) as [Conversation, Conversation];
  change(conversations[which]);
  return file(conversations);
}

describe('abathur load', () => {
  let server: TestServer;
  const load = (path: string, ...args: string[]): Promise<Ended> => abathur('load', path, '--url', server.url, ...args);
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  it('loads every session, event and memory, reads them back and verifies the chain', async () => {
    const { code, out } = await load(SAMPLE, '--json');
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      conversations: 2,
      sessions: { in_file: SESSIONS, new: SESSIONS, known: 0, read_back: SESSIONS },
      events: { in_file: TURNS, new: TURNS, known: 0, read_back: TURNS },
      memories: { in_file: TURNS, new: TURNS, known: 0, read_back: TURNS },
      audit: { ok: true },
      differences: [],
    });
    expect(code).toBe(0);
  });

  it('keeps who said what, when, and where it was', async () => {
    const api = client(server);
    const { body: session } = await api.get('/v1/sessions/locomo-sample-garden-1').expect(200);
    expect(session).toMatchObject({ app_name: 'locomo', user_id: 'sample-garden', event_count: 5 });
    expect(session.events[3]).toMatchObject({
      event_id: 'D1:4',
      actor: 'user',
      timestamp: '2025-03-03T09:12:03.000Z',
      content: { speaker: 'Ines', image_caption: 'a leaning wooden shed with a tin chimney' },
    });
    expect(session.events[4]).toMatchObject({ actor: 'agent:Tomas' });
    const { body: memory } = await api.get('/v1/memories/project:sample-band:turns/D2:2').expect(200);
    expect(memory).toMatchObject({
      value: { text: 'Priya: A heron with a bass. 140 people came, Luca. We sold out of shirts.' },
      metadata: { session: '2', date: '2025-03-01T11:00:00.000Z' },
      version: 1,
    });
  });

  it('run twice, writes nothing the second time', async () => {
    const { body: before } = await client(server).get('/v1/audit/head');
    const { code, out, err } = await load(SAMPLE);
    expect(out).toMatch(/^sessions +5 +0 +5 +5$/m);
    expect(out).toMatch(/^events +19 +0 +19 +19$/m);
    expect(out).toMatch(/^memories +19 +0 +19 +19$/m);
    expect(out).toContain('Everything reads back as it was sent.');
    // No terminal, no bar: plain lines.
    expect(err).toMatch(/^Loading: 100 %, 38 of 38, [\d,]+\/s, in \d\.\d s$/m);
    expect(code).toBe(0);
    const { body: after } = await client(server).get('/v1/audit/head');
    expect(after).toEqual(before);
  });

  it('says so when a known event was something else', async () => {
    const path = sampleWith(1, ({ sessions }) => (sessions[0]!.turns[1]!.text = 'My cousin Bea sings.'));
    const { code, out } = await load(path, '--json');
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      events: { new: 0, read_back: TURNS - 1 },
      memories: { new: 1, read_back: TURNS },
      differences: ['session locomo-sample-band-1, event D1:2: differs'],
    });
    expect(code).toBe(1);
  });

  it('does not write into a session of somebody else', async () => {
    await client(server)
      .post('/v1/sessions')
      .send({ session_id: 'locomo-taken-1', app_name: 'mine', user_id: 'me' })
      .expect(201);
    const turns = [{ id: 'a', speaker: 'x', text: 'y' }];
    const sessions = [{ session: 1, date_time: '2025-01-01T00:00:00Z', turns }];
    const { code, err } = await load(file([{ sample_id: 'taken', speakers: ['x'], sessions }]));
    expect(err).toContain('Session locomo-taken-1 is there already and belongs to mine/me');
    expect(code).toBe(65);
  });

  it('stopped by Ctrl-C, ends cleanly, and run again completes', async () => {
    const turn = (id: string): object => ({ id, speaker: 'x', text: 'Something worth remembering. '.repeat(10) });
    const sessions = Array.from({ length: 80 }, (_, session) => ({
      session,
      date_time: '2025-01-01T00:00:00Z',
      turns: Array.from({ length: 50 }, (_unused, index) => turn(`${session}-${index}`)),
    }));
    const path = file([{ sample_id: 'long', speakers: ['x'], sessions }]);
    const stopped = await run([CLI, 'load', path, '--url', server.url, '--concurrency', '1'], {}, async (interrupt) => {
      const begun = async (): Promise<boolean> =>
        (await client(server).get('/v1/sessions?user_id=long&limit=1')).body.items.length > 0;
      while (!(await begun())) await new Promise((resolve) => setTimeout(resolve, 10));
      interrupt();
    });
    expect(stopped).toMatchObject({ code: 130, out: '' });
    expect(stopped.err).toContain('Run the same command again');

    const { code, out } = await load(path, '--json');
    const { sessions: loaded, events, memories } = JSON.parse(out);
    expect(loaded.known).toBeGreaterThan(0);
    expect(loaded.new).toBeGreaterThan(0);
    expect({ loaded: loaded.read_back, events: events.read_back, memories: memories.read_back }).toEqual({
      loaded: 80,
      events: 4000,
      memories: 4000,
    });
    expect(code).toBe(0);
  });

  describe('refuses a file of another shape, naming the place', () => {
    const cases: [string, string, RegExp][] = [
      ['no JSON', file('[{"sample_id": '), /is not JSON/],
      ['JSON that breaks off', file('[\n{"sample_id": nope}]'), /conversations\.json is not JSON \(.*nope/],
      ['no list', file({}), /the whole must be a list/],
      ['a list of texts', file(['x']), /\[0\] must be an object/],
      [
        'a turn without text',
        sampleWith(1, ({ sessions }) => delete sessions[0]!.turns[2]!.text),
        /\[1\]\.sessions\[0\]\.turns\[2\]\.text is missing/,
      ],
      [
        'a number for a text',
        sampleWith(0, ({ sessions }) => (sessions[1]!.turns[0]!.text = 7)),
        /\[0\]\.sessions\[1\]\.turns\[0\]\.text must be a string/,
      ],
      [
        'a day that there is not',
        sampleWith(0, ({ sessions }) => (sessions[2]!.date_time = '1:00 pm on 31 June, 2025')),
        /\[0\]\.sessions\[2\]\.date_time is not a time such as/,
      ],
      [
        'a turn id that comes twice',
        sampleWith(0, ({ sessions }) => (sessions[1]!.turns[0]!.id = 'D1:1')),
        /\[0\]\.sessions holds "D1:1" twice/,
      ],
      [
        'an id that is no namespace',
        sampleWith(0, (conversation) => (conversation.sample_id = 'a:b')),
        /\[0\]\.sample_id must not hold a colon/,
      ],
    ];
    it.each(cases)('%s', async (_, path, expected) => {
      const { code, out, err } = await load(path);
      expect(err).toMatch(expected);
      expect({ code, out }).toEqual({ code: 65, out: '' });
    });
  });
});

describe('abathur', () => {
  it('says which file is missing', async () => {
    const { code, err } = await abathur('load', '/nowhere/at-all.json');
    expect(err).toMatch(/^There is no file \/nowhere\/at-all\.json\.\n {2}Name a JSON file/);
    expect(code).toBe(66);
  });

  it('says how to start a server when there is none, also as JSON', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, err } = await abathur('load', SAMPLE, '--url', url);
    expect(err).toContain(`No server answers at ${url}`);
    expect(err).toContain('npm start');
    expect(code).toBe(69);
    const asJson = await abathur('load', SAMPLE, '--url', url, '--json');
    expect(JSON.parse(asJson.err)).toMatchObject({ error: { code: 'no-server', hint: expect.any(String) } });
    expect(asJson.code).toBe(69);
  });

  it('does not take any server for ours', async () => {
    const other = createServer((_, response) => response.setHeader('content-type', 'text/html').end('hello'));
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, err } = await abathur('load', SAMPLE, '--url', `http://127.0.0.1:${port}`);
    other.close();
    expect(err).toContain('is not Abathur Memory: 200 text/html');
    expect(code).toBe(69);
  });

  it.each([
    [['load']],
    [['lod']],
    [['load', SAMPLE, '--concurrency', '0']],
    [['load', SAMPLE, '--url', 'localhost']],
    [['verify', '--verbose']],
    [[]],
  ])('answers wrong usage %j with 64', async (args) => {
    expect(await abathur(...args)).toMatchObject({ code: 64, out: '' });
  });

  it('migrates a file once, verifies it, and finds what was changed in it', async () => {
    const environment = { ABATHUR_DB_PATH: join(temporaryDirectory(), 'abathur.db') };
    const first = await run([CLI, 'migrate', '--json'], environment);
    expect(JSON.parse(first.out).applied).toContain('0001_audit_log.sql');
    const second = await run([CLI, 'migrate', '--json'], environment);
    expect(JSON.parse(second.out).applied).toEqual([]);

    const server = await startServer(environment);
    const online = await abathur('verify', '--url', server.url, '--json');
    await server.stop();
    expect(JSON.parse(online.out)).toMatchObject({ ok: true });
    const offline = await run([CLI, 'verify', '--json'], environment);
    expect(JSON.parse(offline.out)).toMatchObject({ ok: true, checked: JSON.parse(online.out).checked });

    const { default: Sqlite } = await import('better-sqlite3');
    const db = new Sqlite(environment.ABATHUR_DB_PATH);
    db.exec(`DROP TRIGGER audit_is_never_updated; UPDATE audit SET actor = 'nobody' WHERE position = 3`);
    db.close();
    const broken = await run([CLI, 'verify'], environment);
    expect(broken.out).toContain('The chain is broken at 3: the envelope was changed.');
    expect(broken.code).toBe(1);
  });

  it('answers a setting that cannot be used with 78', async () => {
    const { code, err } = await run([CLI, 'migrate'], { ABATHUR_DB_POOL_MIN: 'many' });
    expect(err).toContain('ABATHUR_DB_POOL_MIN is "many"');
    expect(code).toBe(78);
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'file'), '');
    const path = join(directory, 'file', 'abathur.db');
    expect(await run([CLI, 'migrate'], { ABATHUR_DB_PATH: path })).toMatchObject({ code: 78 });
  });

  it('hands over to the Node that the project brings when it is started by an old one', async () => {
    const old = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '18.19.0' } })`;
    const { version } = JSON.parse(readFileSync(join(process.cwd(), 'package.json'), 'utf8')) as { version: string };
    expect(await run(['--import', old, SHIM, '--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });
});
