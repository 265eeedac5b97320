import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Certificate } from '../../libs/assembly/erasure/certificate.js';
import type { Restored } from '#backup';
import { openNote, parseVerifier } from '#audit-log';
import { Database } from '#storage';
import { abathur } from '../support/cli.js';
import { inspect } from '../support/inspect.js';
import { ended } from '../support/operations.js';
import { expectProblem } from '../support/problem.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

/** One string for each place where a person can leave something; found nowhere once the person is erased. */
const canaries: Record<string, string> = {};
const canary = (place: string): string => (canaries[place] ??= `canary${randomBytes(8).toString('hex')}`);

const USER = canary('user');
const SESSION = canary('session');
const SUBJECT = { user_id: USER, reason: 'Request 7 of 2026-11-25' };

describe('R-A1 What a user has left in every kind of place', () => {
  let server: TestServer;
  const directory = temporaryDirectory();
  const file = (name: string): string => join(directory, name);
  const api = () => client(server);
  let bobBefore: string;
  let oldExport: string;
  let erasureId: string;

  beforeAll(async () => {
    server = await startServer({ ABATHUR_LOG_LEVEL: 'debug' }, directory);
    await leaveTraces();
    await settled();
    bobBefore = await everythingOfBob();
    oldExport = (await api().get('/v1/audit/export').buffer(true).parse(asText).expect(200)).body as string;
    writeFileSync(file('old.ndjson'), oldExport);
    const { body: backup } = await api().post('/v1/admin/backups').expect(202);
    expect(await ended(server, backup.id as string)).toMatchObject({ status: 'succeeded' });
    // The database as it is before, to show that the search below finds what is there.
    const searched = ['search'];
    expect(found(readFileSync(server.path), wal(server.path)).toSorted()).toEqual(
      Object.keys(canaries)
        .filter((place) => !searched.includes(place))
        .toSorted(),
    );
  }, 300_000);
  afterAll(() => server.kill());

  it('is counted before anything goes, by table, and a dry run changes nothing', async () => {
    const head = (await api().get('/v1/audit/head')).body as object;
    const { body } = await api()
      .post('/v1/admin/erasures')
      .send({ ...SUBJECT, dry_run: true })
      .expect(200);
    expect(body).toMatchObject({ dry_run: true, operation: null, erasure: null });
    expect(body.plan.counts).toMatchObject({
      audit: body.plan.entries,
      memory_entries: expect.any(Number),
      memory_words: expect.any(Number),
      sessions: 1,
      scoped_state: expect.any(Number),
      tasks: 1,
      state: 1,
      checkpoints: 1,
      contexts: 1,
      context_items: expect.any(Number),
      search_entries: expect.any(Number),
      search_texts: expect.any(Number),
    });
    expect((await api().get('/v1/audit/head')).body).toEqual(head);
  });

  it('goes, while the server serves', async () => {
    const answer = await api().post('/v1/admin/erasures').set('Idempotency-Key', 'once').send(SUBJECT).expect(202);
    const { operation, erasure } = answer.body;
    const repeated = await api().post('/v1/admin/erasures').set('Idempotency-Key', 'once').send(SUBJECT).expect(202);
    expect(repeated.body).toEqual(answer.body);
    const other = { ...SUBJECT, reason: 'Request 8' };
    const reused = await api().post('/v1/admin/erasures').set('Idempotency-Key', 'once').send(other);
    expectProblem(reused, 422, { code: 'idempotency-key-reused' });
    expect(answer.headers['location']).toBe(`/v1/operations/${operation.id}`);
    erasureId = erasure.id as string;
    // Others read and write meanwhile.
    for (let n = 0; n < 20; n++) {
      await api().put(`/v1/memories/user:bob:log/n${n}`).send({ value: { n } }).expect(201);
      await api().get(`/v1/memories/user:bob:log/n${n}`).expect(200);
    }
    expect(await ended(server, operation.id as string)).toMatchObject({ kind: 'erasure', status: 'succeeded' });
  }, 300_000);

  it('is in no byte of the database, its log of writes, what the server printed, or an export', async () => {
    expect(found(readFileSync(server.path), wal(server.path), shm(server.path))).toEqual([]);
    const now = await api().get('/v1/audit/export').buffer(true).parse(asText).expect(200);
    expect(found(Buffer.from(now.body as string), Buffer.from(server.output()))).toEqual([]);
    expect(found(readFileSync(join(directory, 'backups', 'erasures.ndjson')))).toEqual([]);
  });

  it('leaves a log that verifies, and everything of another user as it was, byte for byte', async () => {
    expect((await api().post('/v1/audit/verify').send({}).expect(200)).body).toMatchObject({ ok: true });
    expect(await everythingOfBob()).toBe(bobBefore);
    const search = { query: 'green tea', namespace_prefix: 'user:bob', mode: 'semantic' };
    const { body } = await api().post('/v1/memories/search').send(search).expect(200);
    expect(body).toMatchObject({ degraded: false, results: [{ namespace: 'user:bob', key: 'tea' }, {}] });
  });

  it('leaves tables that are what the log makes of them, in a file that is whole', async () => {
    const { body } = await api().post('/v1/admin/integrity').expect(202);
    expect(await ended(server, body.id as string)).toMatchObject({ result: { ok: true } });
  });

  it('is said to be erased, when, by whom and why, without a name', async () => {
    const { body } = await api().get(`/v1/admin/erasures/${erasureId}`).expect(200);
    expect(body).toMatchObject({
      id: erasureId,
      subject_kind: 'user',
      reason: SUBJECT.reason,
      requested_by: 'anonymous',
      completed_at: expect.any(String),
      removed: { memory_entries: expect.any(Number), sessions: 1 },
    });
    const { body: page } = await api().get('/v1/admin/erasures').expect(200);
    expect(page.items).toEqual([body]);
    const { body: event } = await api().get(`/v1/audit/events/${body.position}`).expect(200);
    expect(event).toMatchObject({ type: 'SubjectErased', data: { subject_ref: body.subject_ref } });
  });

  it('is gone for every question, and a later write to the same address begins anew', async () => {
    expectProblem(await api().get(`/v1/sessions/${SESSION}`), 404, { code: 'session-not-found' });
    expectProblem(await api().get(`/v1/memories/user:${USER}/tea`), 404, { code: 'memory-not-found' });
    const { body } = await api().get(`/v1/memories?namespace_prefix=user:${USER}`).expect(200);
    expect(body.items).toEqual([]);
    const again = await api()
      .put(`/v1/memories/user:bob:again/k`)
      .send({ value: { n: 1 } })
      .expect(201);
    expect(again.body).toMatchObject({ version: 1 });
  });

  it('asked for again is the same erasure, and nothing is done', async () => {
    const { body } = await api().post('/v1/admin/erasures').send(SUBJECT).expect(200);
    expect(body).toMatchObject({ operation: null, erasure: { id: erasureId }, plan: null });
    const repeated = await api().post('/v1/admin/erasures').set('Idempotency-Key', 'once').send(SUBJECT);
    expect(repeated.body).toMatchObject({ operation: { id: erasureId }, erasure: { id: erasureId } });
  });

  it('has a certificate of every place, signed with the key of the log, that names the backups that still hold it', async () => {
    const { body } = await api().get(`/v1/admin/erasures/${erasureId}/certificate`).expect(200);
    const { certificate, note } = body as { certificate: Certificate; note: string };
    const vkey = (await abathur(['audit', 'keys'], environment())).out.trim();
    const { text } = openNote(note, [parseVerifier(vkey)]);
    expect(JSON.parse(text.split('\n')[1]!)).toEqual(certificate);
    expect(certificate.places).toEqual(
      expect.arrayContaining([
        { place: 'commits', removed: expect.any(Number) },
        { place: 'sessions', removed: 1 },
      ]),
    );
    expect(certificate.places.find(({ place }) => place === 'commits')!.removed).toBeGreaterThan(0);
    expect(certificate.remaining).toMatchObject([
      { copy: expect.stringMatching(/^backup /), goes_at: expect.any(String) },
    ]);
    for (const { position, proof } of certificate.proofs) {
      writeFileSync(file(`${position}.tlog-proof`), proof);
      const checked = await abathur(['audit', 'verify-proof', file(`${position}.tlog-proof`), '--vkey', vkey]);
      expect(checked).toMatchObject({ code: 0, out: expect.stringContaining('1 verified') });
    }
  });

  it('is verified by an auditor alone as erased, and not when no order says so', async () => {
    const vkey = (await abathur(['audit', 'keys'], environment())).out.trim();
    const { body } = await api().get('/v1/audit/events?order=desc&limit=1000').expect(200);
    const erased = (body.items as { data: object | null; position: number }[]).filter(({ data }) => data === null);
    expect(erased.length).toBeGreaterThan(10);
    const { text } = await api().get(`/v1/audit/events/${erased[0]!.position}/proof`).expect(200);
    writeFileSync(file('erased.tlog-proof'), text);
    const one = await abathur(['audit', 'verify-proof', file('erased.tlog-proof'), '--vkey', vkey]);
    expect(one).toMatchObject({ code: 0, out: expect.stringContaining('1 verified with their content erased') });
    const evidence = await abathur(['audit', 'evidence', file('evidence'), '--url', server.url], environment());
    expect(evidence.code).toBe(0);
    const all = await abathur(['audit', 'verify-proof', file('evidence'), '--vkey', vkey]);
    expect(all.out).toContain(`${erased.length} verified with their content erased, 0 FAILED`);
  });

  it('does not come back with an old backup: it is erased again before that is put in its place', async () => {
    const into = file('restored.db');
    const { code, out, err } = await abathur(['restore', 'latest', '--into', into, '--yes', '--json'], environment());
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(JSON.parse(out) as Restored).toMatchObject({ erased_again: 1 });
    expect(found(readFileSync(into), wal(into))).toEqual([]);
    expect(inspect(into)).toMatchObject({
      integrity: 'ok',
      differences: [],
      holes: [],
      chain: { checked: expect.any(Number) },
    });
    const db = Database.open({ path: into, readonly: true });
    expect(
      db.one({ text: `SELECT count(*) AS n FROM memory_entries WHERE namespace = 'user:bob'`, params: [] }),
    ).toEqual({ n: 2 });
    db.close();
  }, 300_000);

  it('does not come back with an old export', async () => {
    const to = file('rebuilt.db');
    const { code, out, err } = await abathur(
      ['rebuild', '--from', file('old.ndjson'), '--to', to, '--json'],
      environment(),
    );
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(JSON.parse(out)).toMatchObject({ erased_again: 1 });
    expect(found(readFileSync(to), wal(to))).toEqual([]);
    expect((await abathur(['verify', '--file', to, '--json'])).code).toBe(0);
  }, 300_000);

  const environment = (): Record<string, string> => ({
    ABATHUR_DB_PATH: server.path,
    ABATHUR_BACKUP_DIR: join(dirname(server.path), 'backups'),
  });

  const found = (...texts: Buffer[]): string[] => [
    ...new Set(
      Object.entries(canaries).flatMap(([place, text]) => (texts.some((bytes) => bytes.includes(text)) ? [place] : [])),
    ),
  ];

  async function everythingOfBob(): Promise<string> {
    const answers = await Promise.all([
      api().get('/v1/memories?namespace_prefix=user:bob&key_prefix=tea'),
      api().get('/v1/memories/user:bob/tea/history'),
      api().get('/v1/sessions/of-bob'),
      api().get('/v1/sessions/of-bob/events'),
      api().get('/v1/sessions/of-bob/state'),
      api().get('/v1/tasks/task-of-bob'),
      api().get('/v1/audit/events?session_id=of-bob'),
      api().get('/v1/audit/events?namespace_prefix=user:bob&to=2000-01-01T00:00:00Z'),
    ]);
    return answers.map(({ text }) => text).join('\n');
  }

  async function leaveTraces(): Promise<void> {
    const own = `user:${USER}`;
    for (const [who, session_id, app_name] of [
      [USER, SESSION, 'planner'],
      ['bob', 'of-bob', 'coder'],
    ] as const) {
      await api().post('/v1/sessions').send({ session_id, app_name, user_id: who, project_id: app_name }).expect(taken);
      // The same text as somebody else's: its vector is the other's, too.
      await api()
        .put(`/v1/memories/user:${who}/tea`)
        .send({ value: { text: 'prefers green tea' } })
        .expect(taken);
    }
    await api()
      .put('/v1/memories/user:bob/coffee')
      .send({ value: { text: 'drinks coffee at noon' } })
      .expect(taken);
    await api()
      .post('/v1/tasks')
      .send({ task_id: 'task-of-bob', prompt: 'plan', agent_type: 'planner', session_id: 'of-bob' })
      .expect(taken);

    await api()
      .put(`/v1/memories/${own}:${canary('namespace')}/${canary('key')}`)
      .set('Idempotency-Key', canary('idempotency key'))
      .set('X-Correlation-Id', canary('correlation id'))
      .send({
        value: { text: `lives at ${canary('value')} street` },
        metadata: { tag: canary('metadata') },
        session_id: SESSION,
      })
      .expect(taken);
    await api()
      .put(`/v1/memories/${own}/changed`)
      .send({ value: { text: canary('replaced value') } })
      .expect(taken);
    await api()
      .put(`/v1/memories/${own}/changed`)
      .send({ value: { text: 'something else' } })
      .expect(taken);
    await api()
      .put(`/v1/memories/${own}/deleted`)
      .send({ value: { text: canary('deleted value') } })
      .expect(taken);
    await api().delete(`/v1/memories/${own}/deleted`).expect(taken);
    await api()
      .put(`/v1/memories/session:${SESSION}/note`)
      .send({ value: { text: canary('session memory') } })
      .expect(taken);
    await api()
      .post(`/v1/sessions/${SESSION}/events`)
      .send({
        event_id: canary('event id'),
        event_type: 'message',
        actor: `agent:${canary('actor')}`,
        content: { text: `I said ${canary('content')}` },
        state_delta: {
          mood: canary('state'),
          [canary('state key')]: 1,
          'user:language': canary('user state'),
          'app:last': canary('app state'),
          'project:phase': canary('project state'),
        },
      })
      .expect(taken);
    await api()
      .post('/v1/tasks')
      .send({
        task_id: canary('task'),
        prompt: `look for ${canary('prompt')}`,
        agent_type: 'researcher',
        session_id: SESSION,
        input_data: { about: canary('task input') },
      })
      .expect(taken);
    const task = `/v1/tasks/${canary('task')}`;
    await api()
      .put(`${task}/state/plan`)
      .send({ value: canary('task state') })
      .expect(taken);
    await api()
      .put(`${task}/checkpoints/1`)
      .send({ state: { at: canary('checkpoint') } })
      .expect(taken);
    await api()
      .post('/v1/tasks/claim')
      .send({ agent_type: 'researcher', agent_id: canary('agent') })
      .expect(taken);
    await api()
      .put(`${task}/status`)
      .send({ status: 'completed', result_data: { answer: canary('result') } })
      .expect(taken);
    await api()
      .post('/v1/context')
      .send({ session_id: SESSION, query: `what of ${canary('query')}`, record: true })
      .expect(taken);
    const { body } = await api()
      .post('/v1/memories/search')
      .send({ query: `tea ${canary('search')}`, namespace_prefix: own });
    const [first] = body.results as { id: number }[];
    await api()
      .post(`/v1/search/${body.search_id}/feedback`)
      .send({ result_id: first!.id, signal: 'helpful' })
      .expect(taken);
  }

  /** Every text has its vector, and what follows the log has followed. */
  async function settled(): Promise<void> {
    for (;;) {
      const { body } = await api().get('/v1/search/status').expect(200);
      if (body.lag === 0 && body.backlog === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
});

/** Whatever a write is answered with that was done. */
const taken = ({ status, text }: { status: number; text: string }): void => {
  if (status >= 300) throw new Error(`${status} ${text}`);
};

const side =
  (suffix: string) =>
  (path: string): Buffer =>
    existsSync(path + suffix) ? readFileSync(path + suffix) : Buffer.alloc(0);
const wal = side('-wal');
const shm = side('-shm');

const asText = (response: NodeJS.ReadableStream, done: (error: Error | null, text: string) => void): void => {
  let text = '';
  response.on('data', (chunk: Buffer) => (text += chunk.toString()));
  response.on('end', () => done(null, text));
};
