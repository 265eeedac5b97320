import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FileLock } from '#storage';
import { abathur } from '../support/cli.js';
import { ended } from '../support/operations.js';
import { expectProblem } from '../support/problem.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

describe('R-A1 What is refused of an erasure', () => {
  let server: TestServer;
  const reason = 'Request 7';
  const api = () => client(server);
  const erase = (body: object) => api().post('/v1/admin/erasures').send(body);
  const head = async (): Promise<unknown> => (await api().get('/v1/audit/head')).body;

  beforeAll(async () => {
    server = await startServer();
    await api()
      .put('/v1/memories/user:alice/tea')
      .send({ value: { text: 'green' } })
      .expect(201);
    await api()
      .put('/v1/memories/app:planner/shared')
      .send({ value: { text: 'both' } })
      .expect(201);
  });
  afterAll(() => server.kill());

  it.each<[string, object, number, string, RegExp]>([
    ['nobody', { reason }, 400, 'invalid-request', /one of user_id, session_id and namespace_prefix/],
    ['two at once', { user_id: 'a', session_id: 's', reason }, 400, 'invalid-request', /one of user_id/],
    ['an empty user', { user_id: '', reason }, 400, 'invalid-request', /user_id/],
    ['no reason', { user_id: 'alice' }, 400, 'invalid-request', /reason/],
    ['a blank reason', { user_id: 'alice', reason: '  ' }, 400, 'invalid-request', /must not be empty/],
    [
      'a reason that names the subject',
      { user_id: 'alice', reason: 'Alice asked' },
      400,
      'invalid-request',
      /names the subject/,
    ],
    ['a prefix of everybody', { namespace_prefix: 'user', reason }, 400, 'invalid-request', /names everybody/],
    ['a prefix with an empty segment', { namespace_prefix: 'user:', reason }, 400, 'invalid-request', /empty segment/],
    ['an unknown user', { user_id: 'nobody', reason }, 404, 'user-not-found', /There is no user nobody/],
    ['an unknown session', { session_id: 'nothing', reason }, 404, 'session-not-found', /nothing/],
    ['an unknown namespace', { namespace_prefix: 'user:al', reason }, 404, 'namespace-not-found', /user:al/],
    ['a field nobody knows', { user_id: 'alice', reason, force: true }, 400, 'invalid-request', /force/],
  ])('%s: nothing changes, dry run or not', async (_, body, status, code, says) => {
    const before = await head();
    for (const dry of [{}, { dry_run: true }]) {
      const answer = await erase({ ...body, ...dry });
      expectProblem(answer, status, { code });
      expect(answer.text).toMatch(says);
    }
    expect(await head()).toEqual(before);
  });

  it('an erasure that does not exist, and its certificate', async () => {
    expectProblem(await api().get('/v1/admin/erasures/none'), 404, { code: 'erasure-not-found' });
    expectProblem(await api().get('/v1/admin/erasures/none/certificate'), 404, { code: 'erasure-not-found' });
    expectProblem(await api().get('/v1/admin/erasures?cursor=forged'), 400, { code: 'invalid-request' });
  });

  it('what others have a part in, unless that is said to go, too', async () => {
    const session = { session_id: 'of-carol', app_name: 'planner', user_id: 'carol' };
    await api().post('/v1/sessions').send(session).expect(201);
    await api()
      .put('/v1/memories/app:planner/shared')
      .send({ value: { text: 'more' }, session_id: 'of-carol' })
      .expect(200);
    const { body: dry } = await erase({ user_id: 'carol', reason, dry_run: true }).expect(200);
    expect(dry.plan.shared).toEqual(['memory app:planner/shared']);
    const answer = await erase({ user_id: 'carol', reason });
    expectProblem(answer, 409, { code: 'shared-with-others' });
    expect(answer.body.hint).toContain('include_shared');
    await api().get('/v1/memories/app:planner/shared').expect(200);
    const { body } = await erase({ user_id: 'carol', reason, include_shared: true }).expect(202);
    expect(await ended(server, body.operation.id as string)).toMatchObject({ status: 'succeeded' });
    expectProblem(await api().get('/v1/memories/app:planner/shared'), 404, { code: 'memory-not-found' });
  });

  it('an erasure waits for a backup by another program, and is done after it', async () => {
    await api()
      .put('/v1/memories/user:dora/tea')
      .send({ value: { text: 'green' } })
      .expect(201);
    const shelf = join(dirname(server.path), 'backups');
    mkdirSync(shelf, { recursive: true });
    const backup = FileLock.alone(join(shelf, '.lock'))!;
    const { body } = await erase({ user_id: 'dora', reason }).expect(202);
    const { body: again } = await erase({ user_id: 'dora', reason }).expect(202);
    expect(again.erasure.id).toBe(body.erasure.id);
    expectProblem(await api().get(`/v1/admin/erasures/${body.erasure.id}/certificate`), 409, {
      code: 'erasure-running',
    });
    expect((await api().get(`/v1/operations/${body.operation.id}`)).body).toMatchObject({ status: 'running' });
    backup.release();
    expect(await ended(server, body.operation.id as string)).toMatchObject({ status: 'succeeded' });
  }, 300_000);

  describe('by the command', () => {
    const environment = (): Record<string, string> => ({ ABATHUR_DB_PATH: server.path, PORT: String(server.port) });

    it.each<[string, string[], number, RegExp]>([
      ['nobody', ['--reason', reason], 64, /Say whose data goes/],
      ['two at once', ['--user', 'a', '--session', 's', '--reason', reason], 64, /Say whose data goes/],
      ['no reason', ['--user', 'alice'], 64, /Say why/],
      ['without a terminal and --yes', ['--user', 'alice', '--reason', reason], 64, /Say --yes/],
      ['an unknown user', ['--user', 'nobody', '--reason', reason, '--yes'], 1, /There is no user nobody/],
      ['on a file that is open', ['--user', 'alice', '--reason', reason, '--yes', '--file'], 69, /is in use/],
    ])('%s', async (_, args, code, says) => {
      const run = await abathur(['erase', ...args], environment());
      expect(run.err).toMatch(says);
      expect(run.code).toBe(code);
    });

    it('a certificate without a server', async () => {
      const run = await abathur(['erasures', 'certificate', 'e', '--file'], environment());
      expect(run).toMatchObject({ code: 64, err: expect.stringContaining('signed by a running server') });
    });
  });
});

describe('R-A1 abathur erase', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'abathur.db');
  const environment = { ABATHUR_DB_PATH: path, ABATHUR_BACKUP_DIR: join(directory, 'backups') };
  const run = (...args: string[]) => abathur(['erase', ...args], environment);

  beforeAll(async () => {
    const server = await startServer(environment);
    await client(server)
      .put('/v1/memories/user:alice/tea')
      .send({ value: { text: 'green' } })
      .expect(201);
    await client(server)
      .put('/v1/memories/user:bob/tea')
      .send({ value: { text: 'black' } })
      .expect(201);
    expect(await server.stop()).toBe(0);
  });

  it('tells what would go, from a file that nobody has open', async () => {
    const { code, out } = await run('--user', 'alice', '--reason', 'Request 7', '--dry-run');
    expect(code).toBe(0);
    expect(out).toMatch(/1 entries of the log would lose their content/);
    expect(out).toMatch(/memory_entries +1/);
  });

  it('refuses a list beside the backups that is broken or cannot be written, before anything goes', async () => {
    mkdirSync(environment.ABATHUR_BACKUP_DIR, { recursive: true });
    const file = { ...environment, ABATHUR_BACKUP_DIR: join(directory, 'a-file') };
    writeFileSync(file.ABATHUR_BACKUP_DIR, '');
    const refused = await abathur(['erase', '--user', 'alice', '--reason', 'Request 7', '--yes'], file);
    expect(refused).toMatchObject({ code: 69, err: expect.stringContaining('cannot be written to') });
    const { out } = await run('--user', 'alice', '--reason', 'Request 7', '--dry-run', '--json');
    expect(JSON.parse(out)).toMatchObject({ plan: { entries: 1 } });
  });

  it('erases, tells of it in its list, and the second time does nothing', async () => {
    const first = await run('--user', 'alice', '--reason', 'Request 7', '--yes', '--json');
    expect(first.code).toBe(0);
    expect(JSON.parse(first.out)).toMatchObject({ erased: true, repeated: false, erasure: { entries: 1 } });
    const second = await run('--user', 'alice', '--reason', 'Request 7', '--yes');
    expect(second).toMatchObject({ code: 0, out: expect.stringContaining('Nothing of it is left') });
    const { out } = await abathur(['erasures'], environment);
    expect(out).toMatch(/user +1 +2\d{3}-.* operator +Request 7/);
    expect((await abathur(['verify'], environment)).code).toBe(0);
    expect((await abathur(['integrity'], environment)).code).toBe(0);
  });

  it('a list that somebody has broken stops a restore, and says in which line', async () => {
    expect((await abathur(['backup'], environment)).code).toBe(0);
    const list = join(environment.ABATHUR_BACKUP_DIR, 'erasures.ndjson');
    chmodSync(list, 0o600);
    appendFileSync(list, 'not an erasure\n');
    const { code, err } = await abathur(['restore', 'latest', '--yes'], environment);
    expect({ code, err }).toMatchObject({ code: 65, err: expect.stringMatching(/Line 2 of .* is no erasure/) });
  });
});
