import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startOllama, type OllamaDouble } from '../support/ollama-double.js';
import { client, startServer, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';
import { ended } from '../support/operations.js';

/** The double knows that a puppy is a dog: these are alike in meaning, and share half of their words. */
const PAIR = ['Puppy chased squirrels.', 'Dog chased squirrels.'];

describe('R-M11 Near-duplicates by meaning', () => {
  let double: OllamaDouble;
  let server: TestServer;
  beforeAll(async () => {
    double = await startOllama();
    server = await startServer({ ABATHUR_EMBEDDINGS: 'ollama', OLLAMA_HOST: double.url });
    for (const [n, text] of [...PAIR, 'Puppy never chased squirrels.', 'Otto sails on Sundays.'].entries())
      await client(server).put(`/v1/memories/user:otto/k${n}`).send({ value: { text } }).expect(201);
  });
  afterAll(async () => {
    await server.stop();
    await double.close();
  });

  const embedded = async (): Promise<void> => {
    await until('the texts are embedded', async () => {
      const { body } = await client(server).get('/v1/search/status').expect(200);
      const { vectors, backlog, lag } = body as { vectors: number; backlog: number; lag: number };
      return vectors > 4 && backlog === 0 && lag === 0;
    });
  };
  const found = async (): Promise<{ kind: string; members: { key: string }[] }[]> => {
    const asked = { namespace_prefix: 'user:otto', strategy: 'merge', dry_run: true };
    const begun = await client(server).post('/v1/memories/consolidate').send(asked).expect(202);
    const { result } = await ended(server, (begun.body as { id: string }).id);
    return (result as { groups: { kind: string; members: { key: string }[] }[] }).groups;
  };

  it('are found by vectors that are there already: no scan asks the model', async () => {
    await embedded();
    const { calls } = double;
    const groups = await found();
    expect(groups).toMatchObject([{ kind: 'near_duplicate', outcome: 'flagged' }]);
    expect(groups[0]!.members.map(({ key }) => key).toSorted()).toEqual(['k0', 'k1']);
    expect(double.calls).toBe(calls);
  });
});
