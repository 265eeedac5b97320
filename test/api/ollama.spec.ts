import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startOllama, type Behaviour, type OllamaDouble } from '../support/ollama-double.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

interface Status {
  model: string;
  active_model: string | null;
  texts: number;
  vectors: number;
  backlog: number;
  lag: number;
  degraded: boolean;
  parked: { text_id: number; reason: string; attempts: number }[];
}

describe('R-D5 With Ollama', () => {
  let double: OllamaDouble;
  let directory: string;
  let server: TestServer;
  const start = async (model = 'nomic-embed-text'): Promise<void> => {
    server = await startServer(
      { ABATHUR_EMBEDDINGS: 'ollama', OLLAMA_HOST: double.url, ABATHUR_EMBEDDING_MODEL: model },
      directory,
    );
  };
  beforeAll(async () => {
    double = await startOllama();
    directory = temporaryDirectory();
    await start();
  });
  afterAll(async () => {
    await server.stop();
    await double.close();
  });

  const put = async (key: string, text: string): Promise<void> => {
    await client(server).put(`/v1/memories/user:alice/${key}`).send({ value: { text } }).expect(201);
  };
  const putAll = async (texts: string[], series: string): Promise<void> => {
    const lines = texts.map((text, n) =>
      JSON.stringify({ namespace: 'user:alice', key: `${series}-${n}`, value: { text } }),
    );
    await client(server)
      .post('/v1/memories/import')
      .set('content-type', 'application/x-ndjson')
      .send(lines.join('\n'))
      .expect(200);
  };
  const search = async (body: object): Promise<{ degraded: boolean; keys: string[] }> => {
    const answer = await client(server).post('/v1/memories/search').send(body).expect(200);
    const { degraded, results } = answer.body as { degraded: boolean; results: { key: string }[] };
    return { degraded, keys: results.map(({ key }) => key) };
  };
  const status = async (): Promise<Status> =>
    (await client(server).get('/v1/search/status').expect(200)).body as Status;
  const becomes = (what: (now: Status) => boolean): Promise<Status> =>
    until(
      'the status is as wanted',
      async () => {
        const now = await status();
        return what(now) ? now : undefined;
      },
      { instead: status },
    );
  const settled = (): Promise<Status> => becomes(({ backlog, lag }) => backlog === 0 && lag === 0);
  const metric = async (name: string): Promise<number> => {
    const { text } = await client(server).get('/metrics').expect(200);
    const line = text.split('\n').find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
    return Number(line?.split(' ').at(-1));
  };
  const embeddedTwice = (): string[] => [...double.embedded].filter(([, times]) => times > 1).map(([text]) => text);

  it('texts are embedded ten at a time, by at most five calls at once, and each of them once', async () => {
    double.delay = 20;
    await settled();
    double.embedded.clear();
    const texts = Array.from({ length: 130 }, (_, n) => `Fact number ${n % 110} about the garden`);
    await putAll(texts, 'fact');
    await settled();
    expect(double.most.texts).toBe(10);
    expect(double.most.calls).toBeLessThanOrEqual(5);
    expect(double.embedded.size).toBe(110);
    expect(embeddedTwice()).toEqual([]);
  });

  it('meaning is found, and texts are told apart from queries', async () => {
    expect(await search({ query: 'garden', mode: 'semantic', limit: 3 })).toMatchObject({ degraded: false });
    expect([...double.embedded.keys()].filter((text) => text.startsWith('search_query: '))).toEqual([
      'search_query: garden',
    ]);
    expect([...double.embedded.keys()].every((text) => text.startsWith('search_'))).toBe(true);
  });

  it('writes take no notice of a slow model', async () => {
    double.behaviour = 'slow';
    const begin = performance.now();
    for (let n = 0; n < 20; n++) await put(`quick-${n}`, `A quick note, number ${n}`);
    expect(performance.now() - begin).toBeLessThan(3_000);
    expect((await search({ query: 'quick note' })).keys).not.toEqual([]);
    double.behaviour = 'fine';
    await settled();
  });

  const AWAY: Behaviour[] = ['drop', 'error', 'dimensions', 'missing', 'html', 'redirect'];
  it.each(AWAY)('a model that does “%s” fails no write, leaves search to words, and is forgiven', async (behaviour) => {
    double.behaviour = behaviour;
    await put(`away-${behaviour}`, `Umbrella for ${behaviour}`);
    for (const mode of ['hybrid', 'semantic', 'hybrid']) {
      const found = await search({ query: `umbrella ${behaviour}`, mode });
      expect(found).toMatchObject({ degraded: true });
      expect(found.keys[0]).toBe(`away-${behaviour}`);
    }
    expect(await search({ query: 'umbrella', mode: 'keyword' })).toMatchObject({ degraded: false });
    await becomes(({ backlog, lag }) => backlog > 0 && lag === 0);
    double.behaviour = 'fine';
    expect(await settled()).toMatchObject({ parked: [] });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await search({ query: `umbrella ${behaviour}` })).toMatchObject({ degraded: false });
  });

  it('a backlog is a metric, and is worked off after a restart', async () => {
    double.behaviour = 'drop';
    await putAll(
      Array.from({ length: 25 }, (_, n) => `Postponed ${n}`),
      'later',
    );
    await becomes(({ backlog }) => backlog === 25);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(await metric('abathur_embedding_backlog_texts')).toBe(25);
    expect(await metric('abathur_embedding_oldest_seconds')).toBeGreaterThan(1);
    expect(await metric('abathur_embedding_consecutive_failures')).toBeGreaterThan(0);
    expect(await metric('abathur_embedding_requests_total{result="failed"}')).toBeGreaterThan(0);
    expect(await metric('abathur_embedding_requests_total{result="ok"}')).toBeGreaterThan(0);
    expect(await metric('abathur_search_degraded_total')).toBeGreaterThan(0);
    expect(await server.stop()).toBe(0);
    double.behaviour = 'fine';
    await start();
    await settled();
    expect([...double.embedded.keys()].filter((text) => text.includes('Postponed'))).toHaveLength(25);
    expect(await metric('abathur_embedding_consecutive_failures')).toBe(0);
    expect(await metric('abathur_embedding_oldest_seconds')).toBe(0);
  });

  it('a text that no call survives is parked with the reason; the others are not held up', async () => {
    double.poison = 'arsenic';
    await putAll(
      Array.from({ length: 12 }, (_, n) => (n === 5 ? 'Tea with arsenic' : `Tea with sugar ${n}`)),
      'tea',
    );
    const { parked } = await becomes(({ backlog, lag, parked: some }) => backlog === 0 && lag === 0 && some.length > 0);
    expect(parked).toEqual([expect.objectContaining({ attempts: 1, reason: expect.stringContaining('NaN') })]);
    expect(await metric('abathur_embedding_parked_texts')).toBe(1);
    expect(await search({ query: 'tea with arsenic', mode: 'keyword', limit: 1 })).toMatchObject({ keys: ['tea-5'] });
  });

  it('parked texts are tried again when asked, and are parked again or done', async () => {
    expect((await client(server).post('/v1/search/retry').expect(200)).body).toEqual({ retried: 1 });
    await becomes(({ parked }) => parked[0]?.attempts === 2);
    double.poison = null;
    await client(server).post('/v1/search/retry').expect(200);
    const { vectors, texts } = await becomes(({ backlog, parked }) => backlog === 0 && parked.length === 0);
    expect(vectors).toBe(texts);
    expect((await client(server).post('/v1/search/retry').expect(200)).body).toEqual({ retried: 0 });
  });

  it.each<Behaviour>(['not-numbers', 'zeros'])('“%s” never becomes a vector', async (behaviour) => {
    double.behaviour = behaviour;
    await put(`odd-${behaviour}`, `Odd answer ${behaviour}`);
    await becomes(({ parked }) => parked.length === 1);
    double.behaviour = 'fine';
    await client(server).post('/v1/search/retry').expect(200);
    await becomes(({ backlog, parked }) => backlog === 0 && parked.length === 0);
  });

  it('no text has been embedded twice in all this', () => {
    const alone = (text: string): boolean => !text.startsWith('search_query: ') && !text.endsWith('Any text.');
    expect(embeddedTwice().filter(alone)).toEqual([]);
  });

  it('R-D4 another model takes over when it has caught up; until then the former one answers', async () => {
    await server.stop();
    double.delay = 400;
    await start('other-model');
    const first = await becomes(({ vectors }) => vectors > 0);
    expect(first).toMatchObject({ model: 'other-model', active_model: 'nomic-embed-text', degraded: false });
    expect(first.vectors).toBeLessThan(first.texts);
    expect(await search({ query: 'garden', mode: 'semantic' })).toMatchObject({ degraded: false });
    double.delay = 0;
    await settled();
    expect(await status()).toMatchObject({ active_model: 'other-model', backlog: 0 });
    expect(await search({ query: 'garden', mode: 'semantic' })).toMatchObject({ degraded: false });
  });

  it('a model that is missing at the start is named with the command that fetches it', async () => {
    await server.stop();
    double.behaviour = 'missing';
    await start();
    // Log lines are written together, up to half a second late.
    await until('the log says how to get it', () => server.output().includes('ollama pull nomic-embed-text'));
  });
});
