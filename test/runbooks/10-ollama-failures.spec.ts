import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Acknowledged } from '../support/acknowledged.js';
import { inspect } from '../support/inspect.js';
import { startOllama, type OllamaDouble } from '../support/ollama-double.js';
import { OnCall } from '../support/on-call.js';
import { client } from '../support/server.js';
import { until } from '../support/until.js';

describe('R-O3 Runbook 10, Ollama server failures', () => {
  const written = new Acknowledged();
  let onCall: OnCall;
  let ollama: OllamaDouble;
  const heal = (): void => void Object.assign(ollama, { behaviour: 'fine' });
  const failures = (): Promise<number> => onCall.metric('abathur_embedding_consecutive_failures');
  const settled = (): Promise<unknown> =>
    until('an empty queue', async () => {
      const { body } = await client(onCall.server).get('/v1/search/status').expect(200);
      const { backlog, lag, vectors } = body as { backlog: number; lag: number; vectors: number };
      if (backlog > 0 || lag > 0 || vectors === 0 || (await failures()) > 0) return false;
      // The metrics count the queue from time to time.
      return (await onCall.metric('abathur_embedding_backlog_texts')) === 0;
    });
  beforeAll(async () => {
    ollama = await startOllama();
    onCall = await OnCall.begin({
      page: '10-ollama-failures',
      environment: { ABATHUR_EMBEDDINGS: 'ollama', OLLAMA_HOST: ollama.url },
      services: { ollama: heal },
      programs: { ollama: heal },
    });
    await written.write(onCall.server.url, 'user:alice', 5, (n) => `Fact ${n} about the garden`);
    await settled();
  });
  afterAll(async () => {
    await onCall?.end();
    await ollama?.close();
  });

  it('that does not answer is seen and found, and fails no write', async () => {
    ollama.behaviour = 'drop';
    await written.write(onCall.server.url, 'user:bob', 12, (n) => `Fact ${n} about the sea`);
    await until('two failures', async () => (await failures()) >= 2);
    await onCall.follow('First five minutes');
    await onCall.follow('It does not answer');
    const { body } = await client(onCall.server).post('/v1/memories/search').send({ query: 'sea' }).expect(200);
    expect(body).toMatchObject({ degraded: true });
    expect((body as { results: unknown[] }).results).not.toEqual([]);
  });

  it('is cured by restarting it, and every text gets its vector', async () => {
    await onCall.follow('Restart it');
    await settled();
    await onCall.follow('Verification');
    expect([...ollama.embedded.keys()].filter((text) => text.includes('about the sea'))).toHaveLength(12);
  });

  it('that has lost its model is found by what it says, and cured by getting the model', async () => {
    ollama.behaviour = 'missing';
    await written.write(onCall.server.url, 'user:carol', 3, (n) => `Fact ${n} about the hills`);
    await until('a failure', async () => (await failures()) >= 1);
    await onCall.logged('background-step-failed');
    await onCall.follow('It answers with an error');
    await onCall.follow('Get the model');
    await settled();
    await onCall.follow('Verification');
    expect(await written.lost(onCall.server.url)).toEqual([]);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
