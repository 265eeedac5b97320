import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import { client, startServer, type TestServer } from '../support/server.js';

interface Entry {
  position: number;
  type: string;
  actor: string;
  memory_operation: string | null;
  entry_hash: string;
  previous_hash: string;
  data: Record<string, unknown>;
}

/** Whatever happened can be told: by whom, when, in which order, and that nobody has changed the story since. */
describe('R-C10 Audit and history', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    await client(server).post('/v1/sessions').send({ session_id: 's', app_name: 'a', user_id: 'alice' }).expect(201);
    const at = '/v1/memories/user:alice/coffee';
    const write = (text: string, updated_by: string) =>
      client(server).put(at).set('X-Correlation-Id', 'morning').send({ value: { text }, updated_by, session_id: 's' });
    await write('black', 'agent:one').expect(201);
    await write('white', 'agent:two').expect(200);
    await client(server).delete(at).expect(204);
    await client(server).post(`${at}/restore`).expect(200);
    await client(server).post(`${at}/restore`).send({ version: 1 }).expect(200);
  });
  afterAll(() => server.stop());

  const events = async (query: string): Promise<Entry[]> => {
    const { body } = await client(server).get(`/v1/audit/events?${query}`).expect(200);
    return (body as { items: Entry[] }).items;
  };

  it('every operation on a memory is there, in order, with who did it', async () => {
    const story = await events('namespace_prefix=user:alice&order=asc');
    expect(story.map(({ memory_operation, actor }) => [memory_operation, actor])).toEqual([
      ['create', 'agent:one'],
      ['update', 'agent:two'],
      ['delete', 'anonymous'],
      ['restore', 'anonymous'],
      ['restore', 'anonymous'],
    ]);
  });

  it('entries are asked for by actor, by session, by correlation and by operation', async () => {
    expect(await events('actor=agent:two')).toHaveLength(1);
    expect((await events('session_id=s')).map(({ type }) => type)).toEqual([
      'SessionCreated',
      'MemoryWritten',
      'MemoryWritten',
    ]);
    expect(await events('correlation_id=morning')).toHaveLength(2);
    expect(await events('namespace_prefix=user:alice&memory_operation=delete')).toHaveLength(1);
  });

  it('every value that a memory has had can be read back, by version and by moment', async () => {
    const story = await events('namespace_prefix=user:alice&order=asc');
    const texts: (string | number)[] = [];
    for (const { position } of story) {
      const { status, body } = await client(server).get(`/v1/memories/user:alice/coffee?as_of=${position}`);
      texts.push(status === 200 ? (body as { value: { text: string } }).value.text : status);
    }
    expect(texts).toEqual(['black', 'white', 404, 'white', 'black']);
    const { body } = await client(server).get('/v1/memories/user:alice/coffee/history');
    expect((body as { items: { version: number }[] }).items.map(({ version }) => version)).toEqual([3, 2, 1]);
  });

  it('positions have no holes, and each entry holds the hash of the one before', async () => {
    const all = await events('order=asc&limit=1000');
    expect(all.map(({ position }) => position)).toEqual(all.map((_, index) => index + 1));
    for (const [index, { previous_hash }] of all.entries()) {
      expect(previous_hash).toBe(index === 0 ? '0'.repeat(64) : all[index - 1]!.entry_hash);
    }
    const { body: head } = await client(server).get('/v1/audit/head');
    expect(head).toMatchObject({ position: all.length, entry_hash: all.at(-1)!.entry_hash });
  });

  it('the database refuses whoever would change or remove an entry', () => {
    const db = new Database(server.path);
    expect(() => db.exec(`UPDATE audit SET actor = 'nobody' WHERE position = 3`)).toThrow('append only');
    expect(() => db.exec('DELETE FROM audit WHERE position = 3')).toThrow('append only');
    db.close();
  });

  it('and who does it nevertheless is found out, with the position', async () => {
    const { body: good } = await client(server).post('/v1/audit/verify').expect(200);
    expect(good).toMatchObject({ ok: true });
    const [{ position }] = (await events('actor=agent:two')) as [Entry];
    const db = new Database(server.path);
    db.exec('DROP TRIGGER audit_is_never_updated');
    db.prepare(`UPDATE audit SET actor = 'agent:innocent' WHERE position = ?`).run(position);
    db.close();
    const { body } = await client(server).post('/v1/audit/verify').expect(200);
    expect(body).toMatchObject({ ok: false, broken_at: position });
  });
});
