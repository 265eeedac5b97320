import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { startOllama, type OllamaDouble } from '../support/ollama-double.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

interface Hit {
  id: number;
  namespace: string;
  key: string;
  version: number;
  memory_type: string;
  value: { text: string };
  score: number;
  score_details?: {
    words: number | null;
    meaning: number | null;
    matched: string[];
    own: number;
    lent: { fromBefore: number; fromAfter: number; fromSession: number };
  };
}
interface Answer {
  search_id: string;
  mode: string;
  degraded: boolean;
  results: Hit[];
}

let server: TestServer;
let directory: string;
const api = (): ReturnType<typeof client> => client(server);

const put = async (namespace: string, key: string, text: string, more: object = {}): Promise<number> => {
  const { headers, status } = await api()
    .put(`/v1/memories/${namespace}/${key}`)
    .send({ value: { text }, ...more });
  expect([200, 201]).toContain(status);
  return Number(headers['x-position']);
};
const remove = (namespace: string, key: string) => api().delete(`/v1/memories/${namespace}/${key}`).expect(204);
const search = async (body: object): Promise<Answer> =>
  (await api().post('/v1/memories/search').send(body).expect(200)).body as Answer;
const keys = async (body: object): Promise<string[]> => (await search(body)).results.map(({ key }) => key);
const settled = (): Promise<boolean> =>
  until('the backlog is empty', async () => {
    const { body } = await api().get('/v1/search/status').expect(200);
    return body.backlog === 0 && body.lag === 0;
  });
const load = async (lines: object[]): Promise<void> => {
  const body = lines.map((line) => JSON.stringify(line)).join('\n');
  await api().post('/v1/memories/import').set('content-type', 'application/x-ndjson').send(body).expect(200);
};

describe('R-D6 Search over REST', () => {
  const alice = 'user:alice:notes';
  beforeAll(async () => {
    directory = temporaryDirectory();
    server = await startServer({}, directory);
    await put(alice, 'coffee', 'Alice drinks her coffee black, without sugar.', { metadata: { place: 'Lisbon' } });
    await put(alice, 'tea', 'Tea is for Sundays.', { memory_type: 'episodic', metadata: { rating: 4 } });
    await put(alice, 'swim', 'She went swimming in the lake.', { memory_type: 'procedural', metadata: { rating: 2 } });
    await put('user:al', 'coffee', 'Al drinks coffee with milk.');
    await put('user:alicea', 'coffee', 'Alicea drinks coffee with cream.');
    // Everybody else is nearer than the one who asks.
    await load(
      Array.from({ length: 400 }, (_, n) => ({
        namespace: `project:crowd:${n % 7}`,
        key: `k${n}`,
        value: { text: n % 2 === 0 ? 'Marmalade' : `Marmalade ${n}` },
        metadata: { crowd: true, n },
      })),
    );
    await put(
      'user:rare',
      'jam',
      'A long note about breakfast that ends with marmalade on toast, which nobody else had.',
      {
        metadata: { rare: 'yes' },
        memory_type: 'episodic',
      },
    );
    await settled();
  });
  afterAll(() => server.stop());

  it.each(['hybrid', 'semantic', 'keyword'])('finds by %s, best first, with scores of 0 to 1', async (mode) => {
    const answer = await search({ query: 'black coffee', mode });
    expect(answer).toMatchObject({ mode, degraded: false });
    expect(answer.results[0]).toMatchObject({ namespace: alice, key: 'coffee', version: 1, memory_type: 'semantic' });
    const scores = answer.results.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores.every((score) => score > 0 && score <= 1)).toBe(true);
    expect(answer.results.every((hit) => hit.score_details === undefined)).toBe(true);
  });

  it('knows stems, irregular forms and accents', async () => {
    expect((await keys({ query: 'to swim, she goes' }))[0]).toBe('swim');
    expect((await keys({ query: 'cóffées', namespace_prefix: 'user:al' }))[0]).toBe('coffee');
  });

  it('finds by words of metadata', async () => {
    expect(await keys({ query: 'lisbon', mode: 'keyword' })).toEqual(['coffee']);
  });

  it('explains how a score came about', async () => {
    const [hit] = (await search({ query: 'black coffee', explain: true })).results;
    const { words, meaning, matched, own, lent } = hit!.score_details!;
    expect(matched.toSorted()).toEqual(['black', 'coffe']);
    expect(own).toBeCloseTo(0.3 * words! + 0.7 * meaning!, 6);
    expect(lent).toEqual({ fromBefore: 0, fromAfter: 0, fromSession: 0 });
    expect(hit!.score).toBeCloseTo(own, 6);
  });

  it('weighs the halves as it is told', async () => {
    const query = 'black coffee';
    const one = async (body: object): Promise<number> => (await search({ query, ...body })).results[0]!.score;
    expect(await one({ weights: { semantic: 0, keyword: 1 } })).toBeCloseTo(await one({ mode: 'keyword' }), 6);
    expect(await one({ weights: { semantic: 1, keyword: 0 } })).toBeCloseTo(await one({ mode: 'semantic' }), 6);
    // Only their proportion counts.
    const small = await one({ weights: { semantic: 0.1, keyword: 0.1 } });
    expect(small).toBeCloseTo(await one({ weights: { semantic: 1, keyword: 1 } }), 6);
  });

  it('joins ranks when asked, the first of both being 1', async () => {
    const { results } = await search({ query: 'black coffee', fusion: 'rrf' });
    expect(results[0]).toMatchObject({ key: 'coffee', namespace: alice, score: 1 });
  });

  it('keeps to limit and threshold', async () => {
    expect(await keys({ query: 'marmalade', limit: 100 })).toHaveLength(100);
    expect(await keys({ query: 'marmalade', limit: 1 })).toHaveLength(1);
    const { results } = await search({ query: 'drinks coffee', limit: 100 });
    const middle = results[2]!.score;
    const above = await search({ query: 'drinks coffee', limit: 100, threshold: middle });
    expect(above.results.map(({ id }) => id)).toEqual(
      results.filter(({ score }) => score >= middle).map(({ id }) => id),
    );
    expect(await keys({ query: 'drinks coffee', threshold: 1 })).toEqual([]);
  });

  it('R-M6 takes a namespace by whole segments', async () => {
    const namespaces = async (namespace_prefix: string): Promise<string[]> => [
      ...new Set((await search({ query: 'coffee', namespace_prefix, limit: 100 })).results.map((hit) => hit.namespace)),
    ];
    expect(await namespaces('user:al')).toEqual(['user:al']);
    expect(await namespaces('user:alice')).toEqual([alice]);
    expect(await namespaces('user:ali')).toEqual([]);
  });

  it('filters by type and by metadata, in every mode', async () => {
    for (const mode of ['hybrid', 'semantic', 'keyword']) {
      const only = { query: 'tea swimming coffee', mode, namespace_prefix: 'user:alice' };
      expect(await keys({ ...only, memory_type: 'episodic' })).toEqual(['tea']);
      expect(await keys({ ...only, filter: { rating: { gte: 3 } } })).toEqual(['tea']);
      expect(await keys({ ...only, filter: { OR: [{ rating: 2 }, { key: 'coffee' }] }, limit: 2 })).toHaveLength(2);
    }
  });

  it.each([
    ['a namespace', { namespace_prefix: 'user:rare' }],
    ['a type', { memory_type: 'episodic', filter: { key: 'jam' } }],
    ['metadata', { filter: { rare: 'yes' } }],
    ['what a path does not hold', { filter: { crowd: { exists: false } } }],
  ])('R-M7 is not emptied by %s, though all who are nearest are others', async (_, only) => {
    for (const mode of ['hybrid', 'semantic', 'keyword']) {
      expect((await keys({ query: 'marmalade', mode, ...only, limit: 5 }))[0]).toBe('jam');
    }
  });

  it('R-M7 never relaxes a filter that nothing passes', async () => {
    for (const mode of ['hybrid', 'semantic', 'keyword']) {
      expect(await keys({ query: 'marmalade', mode, filter: { rare: 'no' } })).toEqual([]);
      expect(await keys({ query: 'marmalade', mode, namespace_prefix: 'user:nobody' })).toEqual([]);
    }
  });

  it('sees the words of a write at once, and no more those that it replaced', async () => {
    await put('user:quick', 'note', 'A zeppelin over the harbour');
    expect((await keys({ query: 'zeppelin' }))[0]).toBe('note');
    await put('user:quick', 'note', 'A balloon over the harbour');
    expect(await keys({ query: 'zeppelin', mode: 'keyword' })).toEqual([]);
    expect(await keys({ query: 'balloon', mode: 'keyword' })).toEqual(['note']);
  });

  it('R-M4 finds deleted memories no more, and restored ones again', async () => {
    await put('user:gone', 'secret', 'The combination is kumquat');
    await settled();
    for (const round of [1, 2]) {
      await remove('user:gone', 'secret');
      for (const mode of ['hybrid', 'semantic', 'keyword']) {
        expect({ round, keys: await keys({ query: 'kumquat', mode, namespace_prefix: 'user:gone' }) }).toEqual({
          round,
          keys: [],
        });
      }
      await settled();
      expect(await keys({ query: 'kumquat', namespace_prefix: 'user:gone' })).toEqual([]);
      await api().post('/v1/memories/user:gone/secret/restore').expect(200);
      await settled();
      for (const mode of ['hybrid', 'semantic', 'keyword']) {
        expect(await keys({ query: 'kumquat', mode, namespace_prefix: 'user:gone' })).toEqual(['secret']);
      }
    }
  });

  it('R-M8 finds what was there at a moment: replaced since, deleted since, not yet written', async () => {
    const namespace_prefix = 'user:past';
    const written = await put('user:past', 'plan', 'Meet under the sycamore');
    const { body } = await api().get('/v1/audit/head').expect(200);
    const { time } = body as { time: string };
    await new Promise((resolve) => setTimeout(resolve, 5));
    const replaced = await put('user:past', 'plan', 'Meet under the juniper');
    const { headers } = await remove('user:past', 'plan');
    const deleted = Number(headers['x-position']);
    await settled();
    for (const mode of ['hybrid', 'semantic', 'keyword']) {
      const at = async (query: string, as_of?: number | string): Promise<number[]> =>
        (await search({ query, mode, namespace_prefix, as_of, threshold: 0.3 })).results.map(({ version }) => version);
      expect(await at('sycamore', written)).toEqual([1]);
      expect(await at('sycamore', String(written))).toEqual([1]);
      expect(await at('sycamore', time)).toEqual([1]);
      expect(await at('sycamore', replaced)).toEqual([]);
      expect(await at('juniper', replaced)).toEqual([2]);
      expect(await at('juniper', deleted - 1)).toEqual([2]);
      expect(await at('juniper', deleted)).toEqual([]);
      expect(await at('juniper')).toEqual([]);
      expect(await at('sycamore', written - 1)).toEqual([]);
    }
    expectProblem(await api().post('/v1/memories/search').send({ query: 'x', as_of: 10_000_000 }), 400);
  });

  it('lets texts of one session lend to each other, and says so', async () => {
    const said = (key: string, text: string): Promise<number> =>
      put('user:talk', key, text, { metadata: { session: 'one' } });
    await said('t-1', 'Do you have any pets?');
    await said('t-2', 'Two of them, Luna and Oliver.');
    await settled();
    const { results } = await search({ query: 'pets', namespace_prefix: 'user:talk', explain: true });
    expect(results.map(({ key }) => key)).toEqual(['t-1', 't-2']);
    expect(results[1]!.score_details!.lent.fromBefore).toBeGreaterThan(0);
    // Who fails the filter lends nothing.
    const filtered = { query: 'pets', namespace_prefix: 'user:talk', filter: { key: 't-2' }, explain: true };
    expect((await search(filtered)).results.filter(({ score }) => score > 0.2)).toEqual([]);
  });

  describe('before the catch-up has run', () => {
    beforeAll(async () => {
      await load(
        Array.from({ length: 120 }, (_, n) => ({
          namespace: 'user:crowded',
          key: `c${n}`,
          value: { text: n < 100 ? 'Saxophone' : `Saxophone lessons at the old school, part ${n}` },
        })),
      );
      await settled();
      await server.stop();
      server = await startServer({ ABATHUR_BACKGROUND: 'off' }, directory);
    });
    afterAll(async () => {
      await server.stop();
      server = await startServer({}, directory);
    });

    it('what was just deleted or replaced is not found, and takes nobody’s place', async () => {
      const operations = Array.from({ length: 100 }, (_, n) => ({
        op: 'delete',
        namespace: 'user:crowded',
        key: `c${n}`,
      }));
      await api().post('/v1/memories/batch').send({ operations }).expect(200);
      for (const mode of ['hybrid', 'semantic', 'keyword']) {
        const found = await keys({ query: 'saxophone', mode, namespace_prefix: 'user:crowded', limit: 10 });
        expect(found).toHaveLength(10);
        expect(found.filter((key) => Number(key.slice(1)) < 100)).toEqual([]);
      }
      await put(alice, 'coffee', 'Alice drinks only water now.');
      for (const mode of ['hybrid', 'semantic', 'keyword']) {
        const { results } = await search({
          query: 'black sugar',
          mode,
          namespace_prefix: 'user:alice',
          threshold: 0.2,
        });
        expect(results).toEqual([]);
      }
    });

    it('what was just written is found by its words', async () => {
      await put('user:fresh', 'note', 'A theremin recital');
      const { results } = await search({ query: 'theremin', explain: true });
      expect(results[0]).toMatchObject({ key: 'note', score_details: { words: expect.any(Number), meaning: null } });
    });
  });

  describe('takes whatever somebody types', () => {
    it.each([
      ['10,000 characters', 'x'.repeat(10_000)],
      ['3,000 words', 'word '.repeat(2_000)],
      ['a quote', '"'],
      ['quotes that do not match', '"coffee \'tea'],
      ['a lone star', '*'],
      ['a prefix', 'cof*'],
      ['operators', 'AND OR NOT'],
      ['NEAR', 'NEAR('],
      ['NEAR with its distance', 'NEAR("a" "b", 5)'],
      ['a column filter', 'text : coffee'],
      ['a column that is not there', 'nowhere: coffee'],
      ['a set of columns', '{text metadata} : coffee'],
      ['a column left out', '- text : coffee'],
      ['a caret', '^coffee'],
      ['a plus', 'black + coffee'],
      ['emoji', '☕️🎉'],
      ['another script', '猫が好き'],
      ['nothing but punctuation', '?!…'],
      ['nothing but stop words', 'who are you'],
      ['SQL', "'; DROP TABLE memory_entries; --"],
      ['backslashes', '\\\\ \\" \\u0000'],
      ['markup', '<script>alert(1)</script>'],
    ])('%s', async (_, query) => {
      for (const mode of ['hybrid', 'semantic', 'keyword']) {
        const { results } = await search({ query, mode });
        expect(results.every(({ score }) => score > 0 && score <= 1)).toBe(true);
      }
    });
  });

  describe('refuses', () => {
    const deep = (levels: number): object => {
      let tree: object = { key: 'k' };
      for (let n = 0; n < levels; n++) tree = { NOT: tree };
      return tree;
    };
    it.each<[string, string | object, string?]>([
      ['no query', {}, 'query'],
      ['an empty query', { query: '' }, 'query'],
      ['a blank query', { query: ' \n\t ' }, 'query'],
      ['a query that is a number', { query: 7 }, 'query'],
      ['a query of 10,001 characters', { query: 'x'.repeat(10_001) }, 'query'],
      ['NUL', '{"query":"a\\u0000b"}', 'query'],
      ['a lone surrogate', '{"query":"\\ud800"}', 'query'],
      ['an unknown mode', { query: 'x', mode: 'magic' }, 'mode'],
      ['no mode', { query: 'x', mode: null }, 'mode'],
      ['an unknown fusion', { query: 'x', fusion: 'sum' }, 'fusion'],
      ['an unknown field', { query: 'x', top_k: 5 }, 'top_k'],
      ['an unknown type', { query: 'x', memory_type: 'vague' }, 'memory_type'],
      ['NaN', '{"query":"x","threshold":NaN}', 'body'],
      ['a threshold beyond double precision', '{"query":"x","threshold":1e999}'],
      ['a huge threshold', { query: 'x', threshold: 1e300 }, 'threshold'],
      ['a threshold above 1', { query: 'x', threshold: 1.01 }, 'threshold'],
      ['a threshold below 0', { query: 'x', threshold: -0.1 }, 'threshold'],
      ['a threshold in words', { query: 'x', threshold: '0.5' }, 'threshold'],
      ['a limit of 0', { query: 'x', limit: 0 }, 'limit'],
      ['a limit of 101', { query: 'x', limit: 101 }, 'limit'],
      ['half a limit', { query: 'x', limit: 1.5 }, 'limit'],
      ['weights that are both 0', { query: 'x', weights: { semantic: 0, keyword: 0 } }, 'weights'],
      ['a negative weight', { query: 'x', weights: { semantic: -1, keyword: 1 } }, 'weights.semantic'],
      ['a weight above 1', { query: 'x', weights: { keyword: 2 } }, 'weights.keyword'],
      ['an unknown weight', { query: 'x', weights: { colour: 1 } }, 'weights.colour'],
      ['weights in a list', { query: 'x', weights: [0.5, 0.5] }, 'weights'],
      ['a namespace with an empty segment', { query: 'x', namespace_prefix: 'user::a' }, 'namespace_prefix'],
      ['a filter in a list', { query: 'x', filter: [] }, 'filter'],
      ['an unknown operator', { query: 'x', filter: { rating: { about: 3 } } }],
      ['an unknown field of a filter', { query: 'x', filter: { is_deleted: true } }],
      ['a filter 1,000 levels deep', { query: 'x', filter: deep(1_000) }],
      ['a wide filter', { query: 'x', filter: { OR: Array.from({ length: 20_000 }, (_, n) => ({ n })) } }],
      ['a made-up moment', { query: 'x', as_of: 'yesterday' }, 'as_of'],
      ['a moment before all', { query: 'x', as_of: -1 }, 'as_of'],
    ])('%s', async (...[, body, field]) => {
      const answer = await api()
        .post('/v1/memories/search')
        .set('content-type', 'application/json')
        .send(typeof body === 'string' ? body : JSON.stringify(body));
      expectProblem(answer, 400, { field });
    });
  });

  describe('R-M14 in a batch', () => {
    const batch = (operations: object[], headers: Record<string, string> = {}) =>
      api().post('/v1/memories/batch').set(headers).send({ operations });

    it('sees what the operations before it did, and not those after it', async () => {
      const at = { namespace: 'user:batch', key: 'fig' };
      const find = { op: 'search', query: 'fig preserve', namespace_prefix: 'user:batch' };
      const { body } = await batch([
        find,
        { op: 'put', ...at, value: { text: 'Fig preserve' } },
        { ...find, explain: true },
        { op: 'delete', ...at },
        find,
      ]).expect(200);
      const [before, , between, , after] = body.results as [Answer, Hit, Answer, null, Answer];
      expect(before).toEqual({ mode: 'hybrid', degraded: false, results: [] });
      expect(between.results).toEqual([expect.objectContaining({ key: 'fig', version: 1 })]);
      expect(between.results[0]!.score_details).toMatchObject({ meaning: null });
      expect(after.results).toEqual([]);
    });

    it('finds by meaning what was there before', async () => {
      const { body } = await batch([{ op: 'search', query: 'tea', mode: 'semantic', limit: 1 }]).expect(200);
      expect((body.results as Answer[])[0]).toMatchObject({ degraded: false, results: [{ key: 'tea' }] });
    });

    it('is undone with the batch, and repeats its first answer', async () => {
      const at = { namespace: 'user:batch', key: 'quince' };
      const find = { op: 'search', query: 'quince', mode: 'keyword' };
      await batch([{ op: 'add', ...at, value: { text: 'Quince' } }, find, { op: 'delete', ...at, key: 'none' }]).expect(
        404,
      );
      expect(await keys({ query: 'quince', mode: 'keyword' })).toEqual([]);
      const headers = { 'idempotency-key': 'quince-1' };
      const first = await batch([{ op: 'put', ...at, value: { text: 'Quince' } }, find], headers).expect(200);
      await remove(at.namespace, at.key);
      const again = await batch([{ op: 'put', ...at, value: { text: 'Quince' } }, find], headers).expect(200);
      expect(again.body).toEqual(first.body);
    });

    it('is refused as a search would be, by the name of its operation', async () => {
      const find = { op: 'search', query: 'x' };
      expectProblem(await batch([find, { op: 'search', query: ' ' }]), 400, { field: 'operations[1].query' });
      expectProblem(await batch([{ op: 'search', query: 'x', mode: 'magic' }]), 400);
      expectProblem(await batch([{ op: 'search' }]), 400);
      expectProblem(await batch([find, { ...find, filter: { a: { about: 1 } } }]), 400);
      expectProblem(await batch(Array.from({ length: 21 }, () => find)), 400, { field: 'operations' });
    });
  });

  describe('R-D7 Feedback', () => {
    const give = (search_id: string, result_id: number, signal: string) =>
      api().post(`/v1/search/${search_id}/feedback`).send({ result_id, signal });
    const metric = async (name: string): Promise<number> => {
      const { text } = await api().get('/metrics').expect(200);
      return Number(
        text
          .split('\n')
          .find((line) => line.startsWith(name))
          ?.split(' ')
          .at(-1) ?? 0,
      );
    };
    const events = async (): Promise<object[]> =>
      (await api().get('/v1/audit/events').query({ type: 'SearchFeedbackGiven' }).expect(200)).body.items as object[];

    it('is kept as an event, once for each result and signal', async () => {
      const { search_id, results } = await search({ query: 'coffee' });
      const second = results[1]!.id;
      for (const _ of [1, 2]) await give(search_id, second, 'click').expect(204);
      await give(search_id, second, 'helpful').expect(204);
      await give(search_id, results[0]!.id, 'not_helpful').expect(204).expect('X-Position', /^\d+$/);
      const given = await events();
      expect(given).toHaveLength(3);
      expect(given).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            data: expect.objectContaining({
              source: 'memory',
              mode: 'hybrid',
              result_id: second,
              rank: 2,
              signal: 'click',
            }),
          }),
        ]),
      );
    });

    it('becomes metrics: clicks, how far up they were, and the share that helped', async () => {
      await settled();
      const last = 'abathur_search_feedback{source="memory",mode="hybrid",signal="not_helpful"}';
      await until('the last signal is counted', async () => (await metric(last)) === 1);
      expect(await metric('abathur_search_feedback{source="memory",mode="hybrid",signal="click"}')).toBe(1);
      expect(await metric('abathur_search_click_reciprocal_rank{source="memory",mode="hybrid"}')).toBe(0.5);
      expect(await metric('abathur_search_helpful_ratio{source="memory",mode="hybrid"}')).toBe(0.5);
    });

    it('is refused for a search that there was not, and for a result that it did not have', async () => {
      const { search_id, results } = await search({ query: 'tea' });
      const { id } = results[0]!;
      const last = search_id.at(-1) === 'A' ? 'B' : 'A';
      for (const unknown of ['x', 'a'.repeat(60), search_id.slice(1), search_id.slice(0, -1) + last, `${search_id}A`]) {
        expectProblem(await give(unknown, id, 'click'), 404, { code: 'search-not-found' });
      }
      expectProblem(await give(search_id, 1_000_000, 'click'), 400, { field: 'result_id' });
      expectProblem(await give(search_id, id, 'love'), 400, { field: 'signal' });
      expectProblem(await give(search_id, 0, 'click'), 400, { field: 'result_id' });
      expect(await events()).toHaveLength(3);
    });

    it('is taken after a restart, and for an answer of a hundred', async () => {
      const { search_id, results } = await search({ query: 'marmalade', limit: 100, mode: 'keyword' });
      await server.stop();
      server = await startServer({}, directory);
      await give(search_id, results[99]!.id, 'click').expect(204);
    });
  });
});

describe('R-D6 What one half alone knows', () => {
  let double: OllamaDouble;
  beforeAll(async () => {
    double = await startOllama();
    directory = temporaryDirectory();
    const environment = { ABATHUR_EMBEDDINGS: 'ollama', OLLAMA_HOST: double.url };
    server = await startServer(environment, directory);
    await put('user:a', 'pet', 'The dog sleeps');
    await put('user:a', 'ride', 'The car is red');
    await settled();
    await server.stop();
    server = await startServer({ ...environment, ABATHUR_BACKGROUND: 'off' }, directory);
    await put('user:a', 'name', 'The puppy is called Rex');
  });
  afterAll(async () => {
    await server.stop();
    await double.close();
  });

  it.each(['weighted', 'rrf'])('hybrid finds it, by %s', async (fusion) => {
    const { results } = await search({ query: 'puppy', fusion, explain: true });
    const details = new Map(results.map(({ key, score_details }) => [key, score_details!]));
    expect(details.get('pet')).toMatchObject({ words: null, meaning: expect.any(Number) });
    expect(details.get('name')).toMatchObject({ words: expect.any(Number), meaning: null });
  });

  it('and a model that is away leaves the words, and says so', async () => {
    double.behaviour = 'drop';
    expect(await search({ query: 'puppy' })).toMatchObject({
      mode: 'hybrid',
      degraded: true,
      results: [{ key: 'name' }],
    });
    expect(await search({ query: 'puppy', mode: 'semantic' })).toMatchObject({ mode: 'semantic', degraded: true });
    expect(await search({ query: 'puppy', mode: 'keyword' })).toMatchObject({ mode: 'keyword', degraded: false });
  });
});
