import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { damage } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { startOllama, type OllamaDouble } from '../support/ollama-double.js';
import { OnCall } from '../support/on-call.js';
import { client } from '../support/server.js';
import { until } from '../support/until.js';

interface Status {
  backlog: number;
  lag: number;
  vectors: number;
  parked_count: number;
}

describe('R-O3 Runbook 4, vector search degraded performance', () => {
  const written = new Acknowledged();
  let onCall: OnCall;
  let ollama: OllamaDouble;
  const status = async (): Promise<Status> =>
    (await client(onCall.server).get('/v1/search/status').expect(200)).body as Status;
  const settled = (): Promise<Status> =>
    until('an empty queue', async () => {
      const now = await status();
      return now.backlog === 0 && now.lag === 0 && now;
    });
  const search = async (query: string): Promise<{ degraded: boolean; results: unknown[] }> =>
    (await client(onCall.server).post('/v1/memories/search').send({ query, mode: 'semantic' }).expect(200))
      .body as never;
  beforeAll(async () => {
    ollama = await startOllama();
    onCall = await OnCall.begin({
      page: '04-vector-search-slow',
      environment: { ABATHUR_EMBEDDINGS: 'ollama', OLLAMA_HOST: ollama.url },
      services: { ollama: () => void Object.assign(ollama, { delay: 0, poison: null }) },
    });
    await written.write(onCall.server.url, 'user:alice', 20, (n) => `Fact ${n} about the garden`);
    await settled();
    // One text that the model would not take, an index that lacks three vectors, and a model that is slow.
    ollama.poison = 'poison';
    await written.put(onCall.server.url, 'user:alice', 'bad', { text: 'A poison for the garden' });
    await until('the parked text', async () => (await status()).parked_count === 1);
    damage(
      onCall.path,
      'DELETE FROM document_embeddings WHERE id IN (SELECT id FROM embedding_codes ORDER BY id LIMIT 3)',
    );
    ollama.delay = 700;
  });
  afterAll(async () => {
    await onCall?.end();
    await ollama?.close();
  });

  it('is seen: a search by meaning takes as long as the model', async () => {
    expect((await search('the garden in spring')).results).not.toEqual([]);
    const metrics = await (await fetch(`${onCall.server.url}/metrics`)).text();
    const within = (edge: string): number =>
      Number(
        new RegExp(
          `^abathur_search_duration_seconds_bucket\\{le="${edge.replace('+', '\\+')}",mode="semantic"\\} (\\d+)`,
          'm',
        ).exec(metrics)?.[1],
      );
    expect(within('+Inf') - within('0.5')).toBeGreaterThan(0);
    await onCall.follow('First five minutes');
  });

  it('is found: the model, a parked text, and an index that lacks three', async () => {
    await onCall.follow('Diagnosis');
    await onCall.follow('Escalation');
  });

  it('is cured, each by its own step', async () => {
    await onCall.follow('Restart Ollama');
    await onCall.follow('Clear the queue');
    await onCall.follow('Regenerate the index', {}, 2);
    await settled();
    await onCall.follow('Verification');
    expect(await search('a poison for the garden')).toMatchObject({ degraded: false });
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
