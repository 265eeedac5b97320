import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { client, startServer, type TestServer } from '../support/server.js';

interface Memory {
  id: number;
  namespace: string;
  key: string;
  version: number;
  memory_type: string;
  value: Record<string, unknown>;
  expires_at: string | null;
}

/** Facts, episodes and procedures: three kinds of memory, each with its own way of lasting and of being found. */
describe('R-C6 Memories of three kinds', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await client(server).post('/v1/sessions').send({ session_id: 's', app_name: 'cafe', user_id: 'alice' }).expect(201);
  });
  afterAll(() => server.stop());

  const put = async (namespace: string, key: string, body: object): Promise<Memory> =>
    (await client(server).put(`/v1/memories/${namespace}/${key}`).send(body)).body as Memory;
  const keys = async (query: string): Promise<string[]> => {
    const { body } = await client(server).get(`/v1/memories?${query}`).expect(200);
    return (body as { items: Memory[] }).items.map(({ key }) => key);
  };
  const context = async (
    body: object = {},
  ): Promise<Record<'episodes' | 'procedures', Memory[]> & { memories: { user: Memory[] } }> =>
    (
      await client(server)
        .post('/v1/context')
        .send({ session_id: 's', ...body })
        .expect(200)
    ).body as never;

  it('facts last until they are changed, and every version of them stays', async () => {
    expect(await put('user:alice', 'coffee', { value: { text: 'takes it black' } })).toMatchObject({
      memory_type: 'semantic',
      version: 1,
      expires_at: null,
    });
    expect(await put('user:alice', 'coffee', { value: { text: 'takes it black' } })).toMatchObject({ version: 1 });
    expect(await put('user:alice', 'coffee', { value: { text: 'takes it white' } })).toMatchObject({ version: 2 });
    const { body } = await client(server).get('/v1/memories/user:alice/coffee/history');
    expect((body as { items: Memory[] }).items.map(({ value }) => value['text'])).toEqual([
      'takes it white',
      'takes it black',
    ]);
    const { body: patch } = await client(server).get('/v1/memories/user:alice/coffee/diff?from=1&to=2');
    expect(patch).toEqual([{ op: 'replace', path: '/value/text', value: 'takes it white' }]);
  });

  it('episodes fade: after 90 days, or when their writer says', async () => {
    const days = ({ expires_at }: Memory): number => (Date.parse(expires_at!) - Date.now()) / (24 * 3600 * 1000);
    const visit = { memory_type: 'episodic', value: { text: 'came by on Monday and spilled the coffee' } };
    expect(days(await put('user:alice', 'visit', visit))).toBeCloseTo(90, 1);
    expect(
      days(await put('user:alice', 'call', { ...visit, value: { text: 'called' }, ttl_seconds: 30 * 24 * 3600 })),
    ).toBeCloseTo(30, 1);
  });

  it('procedures are refined version by version, and rolled back as a new version', async () => {
    const brew = (steps: string[]) =>
      put('app:cafe', 'brew', { memory_type: 'procedural', value: { title: 'Brewing', steps } });
    await brew(['grind', 'pour']);
    await brew(['grind', 'warm the cup', 'pour']);
    const { body } = await client(server).post('/v1/memories/app:cafe/brew/restore').send({ version: 1 }).expect(200);
    expect(body).toMatchObject({
      version: 3,
      memory_type: 'procedural',
      value: { steps: ['grind', 'pour'] },
      expires_at: null,
    });
  });

  it('each kind is listed and searched by itself', async () => {
    expect(await keys('namespace_prefix=user:alice&memory_type=semantic')).toEqual(['coffee']);
    expect((await keys('namespace_prefix=user:alice&memory_type=episodic')).toSorted()).toEqual(['call', 'visit']);
    expect(await keys('namespace_prefix=app:cafe&memory_type=procedural')).toEqual(['brew']);
    const found = async (memory_type?: string): Promise<string[]> => {
      const { body } = await client(server)
        .post('/v1/memories/search')
        .send({ query: 'coffee', mode: 'keyword', namespace_prefix: 'user:alice', memory_type });
      return (body as { results: Memory[] }).results.map(({ key }) => key);
    };
    expect(await found('episodic')).toEqual(['visit']);
    await put('user:alice', 'coffee', { value: { text: 'takes her coffee white' } });
    expect((await found()).toSorted()).toEqual(['coffee', 'visit']);
  });

  it('all three reach the agent, each in its place', async () => {
    const { memories, episodes, procedures } = await context({ query: 'coffee' });
    expect(memories.user.map(({ key }) => key)).toEqual(['coffee']);
    expect(episodes.map(({ key }) => key)).toEqual(['visit']);
    expect(procedures.map(({ key }) => key)).toEqual(['brew']);
  });

  it('what is deleted is out of lists, searches and contexts, and can be taken back', async () => {
    await client(server).delete('/v1/memories/user:alice/visit').expect(204);
    await client(server).delete('/v1/memories/user:alice/visit').expect(404);
    expect(await keys('namespace_prefix=user:alice&memory_type=episodic')).toEqual(['call']);
    expect((await context({ query: 'coffee' })).episodes).toEqual([]);
    await client(server).post('/v1/memories/user:alice/visit/restore').expect(200);
    expect((await context({ query: 'coffee' })).episodes.map(({ key }) => key)).toEqual(['visit']);
  });

  it('what one session learns is published for all, and says where it is from', async () => {
    await put('session:s', 'allergy', { value: { text: 'no nuts' } });
    const { body } = await client(server)
      .post('/v1/memories/publish')
      .send({ from_namespace: 'session:s', to_namespace: 'user:alice', key: 'allergy' })
      .expect(201);
    expect(body).toMatchObject({
      namespace: 'user:alice',
      published_from: { namespace: 'session:s', key: 'allergy', version: 1 },
    });
  });
});
