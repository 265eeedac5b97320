import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

const CLI = join(process.cwd(), 'dist/apps/cli/main.js');

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

describe('R-A4 What an auditor can check alone', () => {
  let server: TestServer;
  const directory = temporaryDirectory();
  const file = (name: string): string => join(directory, name);

  const audit = (...args: string[]): Ended => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'audit', ...args], {
      cwd: directory,
      env: { ...process.env, ABATHUR_DB_PATH: server.path, PORT: String(server.port) },
      encoding: 'utf8',
    });
    return { code: status, out: stdout, err: stderr };
  };
  const remember = async (...keys: string[]): Promise<void> => {
    for (const key of keys)
      await client(server)
        .post('/v1/memories')
        .send({ namespace: 'user:alice', key, value: { text: `The secret of ${key}`, n: 1.5 } })
        .expect(201);
  };
  /** A copy of the evidence with something done to it, and with a manifest that says that this is how it was. */
  const forged = (name: string, change: (lines: string[]) => string[]): string => {
    cpSync(file('evidence'), file(name), { recursive: true });
    const events = join(file(name), 'events.ndjson');
    writeFileSync(events, change(readFileSync(events, 'utf8').split('\n')).join('\n'));
    const manifest = JSON.parse(readFileSync(join(file(name), 'manifest.json'), 'utf8')) as {
      files: Record<string, { sha256: string }>;
    };
    manifest.files['events.ndjson']!.sha256 = createHash('sha256').update(readFileSync(events)).digest('hex');
    writeFileSync(join(file(name), 'manifest.json'), JSON.stringify(manifest));
    return file(name);
  };
  const verified = (path: string, ...args: string[]): Ended =>
    audit('verify-proof', path, '--vkey', file('vkey'), ...args);

  beforeAll(async () => {
    server = await startServer();
    await remember('a', 'b');
    writeFileSync(file('yesterday'), audit('checkpoint', '--url', server.url).out);
    writeFileSync(file('vkey'), audit('keys').out);
    await remember('c', 'd', 'e');
    expect(audit('evidence', 'evidence', '--url', server.url)).toMatchObject({ code: 0 });
    await server.stop();
  });
  afterAll(async () => {
    if (server.process.exitCode === null) await server.stop();
  });

  it('is that all entries are what was signed, and continue what was signed before', () => {
    const { code, out } = verified(file('evidence'), '--since', file('yesterday'));
    expect(out).toMatch(/entries in .*: [1-9]\d* verified, 0 verified with their content erased, 0 FAILED\./);
    expect(out).toContain('Their headers are what was signed.');
    expect(out).toContain('The log continues the older head.');
    expect(code).toBe(0);
  });

  it('is that no key was given, when none was', () => {
    expect(audit('verify-proof', file('evidence')).out).toContain('The key came with the evidence');
  });

  it('is each entry by itself', () => {
    const { out } = verified(file('evidence'), '--events', '--json');
    const { events, entries } = JSON.parse(out) as { events: { position: number; verdict: string }[]; entries: number };
    expect(events).toHaveLength(entries);
    expect(new Set(events.map(({ verdict }) => verdict))).toEqual(new Set(['verified']));
    expect(verified(file('evidence'), '--events').out).toMatch(/^1 verified\n2 verified\n/);
  });

  it.each<[string, (lines: string[]) => string[], RegExp]>([
    [
      'changed',
      (l) => l.map((line) => line.replace('The secret of c', 'The secret of x')),
      /FAILED: the content is not/,
    ],
    ['left out', (l) => l.filter((_, n) => n !== 4), /FAILED: the entry is missing/],
    ['put in twice', (l) => [...l.slice(0, 4), l[3]!, ...l.slice(4)], /FAILED: the entry is missing/],
    ['exchanged', (l) => [l[0]!, l[2]!, l[1]!, ...l.slice(3)], /FAILED: the entry is missing/],
    ['cut off', (l) => l.slice(0, 5), /headers are NOT what was signed/],
    [
      'of another actor',
      (l) => l.map((line) => line.replace('"actor":"system"', '"actor":"nobody"')),
      /FAILED: the content is not/,
    ],
    [
      'of another time',
      (l) => l.map((line, n) => (n === 5 ? line.replace('"time":"2', '"time":"3') : line)),
      /FAILED: the header was changed/,
    ],
    ['no JSON', (l) => l.map((line, n) => (n === 3 ? line.slice(0, -9) : line)), /FAILED: the line is no JSON/],
  ])('is that an entry was %s', (name, change, says) => {
    const { code, out } = verified(forged(name.replaceAll(' ', '-'), change));
    expect(out).toMatch(says);
    // What a header commits to may be wrong beside a header that is right.
    expect(out).toContain(`Their headers are ${says.source.includes('content') ? '' : 'NOT '}what was signed.`);
    expect(code).toBe(1);
  });

  it('is that a content was taken away though no erasure in the log names it', () => {
    const path = forged('erased', (lines) =>
      lines.map((line) =>
        line.includes('The secret of c')
          ? JSON.stringify({
              ...(JSON.parse(line) as object),
              data: null,
              salt: null,
              actor: 'erased',
              stream: 'erased',
            })
          : line,
      ),
    );
    const { code, out } = verified(path);
    expect(out).toContain('0 verified with their content erased, 1 FAILED.');
    expect(out).toMatch(/its content was taken away, and no erasure in the log names it/);
    expect(code).toBe(1);
  });

  it('is that a file is not what the manifest says', () => {
    cpSync(file('evidence'), file('touched'), { recursive: true });
    writeFileSync(join(file('touched'), 'checkpoint'), readFileSync(file('yesterday')));
    expect(verified(file('touched'))).toMatchObject({
      code: 65,
      err: expect.stringContaining('not what the manifest says'),
    });
  });

  it('is one entry by its proof, also from the file alone', () => {
    const { out } = audit('proof', '3', '--file');
    writeFileSync(file('3.tlog-proof'), out);
    expect(verified(file('3.tlog-proof'))).toMatchObject({ code: 0, out: expect.stringContaining('1 verified') });
    writeFileSync(file('4.tlog-proof'), out.replace('index 2', 'index 3'));
    expect(verified(file('4.tlog-proof'))).toMatchObject({ code: 1, out: expect.stringContaining('does not lead to') });
    expect(audit('proof', '1000000', '--file')).toMatchObject({
      code: 1,
      err: expect.stringContaining('not signed yet'),
    });
  });

  it('is that an older head is of another history', () => {
    const [origin, size, , ...rest] = readFileSync(file('yesterday'), 'utf8').split('\n');
    writeFileSync(file('made-up'), [origin, size, Buffer.alloc(32).toString('base64'), ...rest].join('\n'));
    expect(verified(file('evidence'), '--since', file('made-up'))).toMatchObject({
      code: 65,
      err: expect.stringContaining('does not hold'),
    });
  });

  it.each([
    [['verify-proof', 'nowhere'], 64, '--vkey is missing'],
    [['verify-proof', 'nowhere', '--vkey', 'x+00000000+AAAA'], 65, 'This is no'],
    [['verify-proof', 'yesterday', '--vkey', 'vkey'], 64, '--checkpoint is missing'],
    [['verify-proof', '3.tlog-proof', '--vkey', 'vkey', '--since', 'yesterday'], 64, 'Leave --since out'],
    [['evidence', 'evidence', '--file'], 66, 'not empty'],
    [['keys', '--retire', '00000000'], 1, 'No key 00000000 signs here'],
  ])('says what is wrong with %j', (args, code, says) => {
    expect(audit(...args)).toMatchObject({ code, err: expect.stringContaining(says) });
  });

  it('is that the log was rewritten: then nothing is signed until a new identity begins', async () => {
    const db = new Database(server.path);
    db.exec('DROP TRIGGER audit_is_never_deleted; DELETE FROM audit WHERE position > 8; DELETE FROM log_checkpoints');
    db.exec('UPDATE projections SET position = min(position, 8)');
    db.close();
    const path = server.path;
    server = await startServer({ ABATHUR_DB_PATH: path, ABATHUR_BACKGROUND: 'off' });
    const { body } = await client(server).get('/v1/audit/checkpoint').expect(409);
    expect(body).toMatchObject({ code: 'log-rewritten', hint: expect.stringContaining('abathur audit keys --renew') });
    expect(audit('keys', '--renew').out).toMatch(/The former identity is in /);
    const { text } = await client(server).get('/v1/audit/checkpoint').expect(200);
    expect(text.split('\n')[0]).not.toBe(readFileSync(file('yesterday'), 'utf8').split('\n')[0]);
  });

  it('adds a key that signs as well, and retires the other', () => {
    const before = audit('keys').out.trim();
    expect(audit('keys', '--add').out.trim().split('\n')).toHaveLength(2);
    const retired = audit('keys', '--retire', before.split('+')[1]!).out;
    expect(retired).toContain(`${before}  (signs no more)`);
  });
});
