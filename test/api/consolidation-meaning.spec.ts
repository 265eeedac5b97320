import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startOllama, type OllamaDouble } from '../support/ollama-double.js';
import { client, startServer, type TestServer } from '../support/server.js';

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
    for (let looked = 0; looked < 400; looked++) {
      const { body } = await client(server).get('/v1/search/status').expect(200);
      const { vectors, backlog, lag } = body as { vectors: number; backlog: number; lag: number };
      if (vectors > 4 && backlog === 0 && lag === 0) return;
      await sleep(50);
    }
    throw new Error('The texts were not embedded');
  };
  const found = async (): Promise<{ kind: string; members: { key: string }[] }[]> => {
    const asked = { namespace_prefix: 'user:otto', strategy: 'merge', dry_run: true };
    const begun = await client(server).post('/v1/memories/consolidate').send(asked).expect(202);
    for (let looked = 0; looked < 400; looked++) {
      const { body } = await client(server).get(`/v1/operations/${(begun.body as { id: string }).id}`);
      const { status, result } = body as {
        status: string;
        result: { groups: { kind: string; members: { key: string }[] }[] };
      };
      if (status === 'succeeded') return result.groups;
      await sleep(25);
    }
    throw new Error('The operation did not end');
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
