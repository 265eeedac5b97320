import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

interface Episode {
  namespace: string;
  key: string;
  version: number;
  memory_type: string;
  value: Record<string, unknown>;
  metadata: Record<string, unknown>;
}

describe('R-C8 Learning and adaptation', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer();
    api = client(server);
  });
  afterAll(() => server.stop());

  const procedure = '/v1/memories/app:kitchen:procedures/brew';
  const at = { namespace: 'app:kitchen:procedures', key: 'brew' };
  const outcome_namespace = 'app:kitchen:episodes';

  /** Runs a task by a version of the procedure to its end. */
  const run = async (task_id: string, version: number, ending: object): Promise<void> => {
    const task = { task_id, prompt: `Brew ${task_id}`, procedure: { ...at, version }, outcome_namespace };
    await api.post('/v1/tasks').send(task).expect(201);
    await api.put(`/v1/tasks/${task_id}/status`).send({ status: 'running', agent_id: 'cook' }).expect(200);
    await api.put(`/v1/tasks/${task_id}/status`).send(ending).expect(200);
  };
  const fail = { status: 'failed', error_message: 'bitter', retry: false };
  const succeed = { status: 'completed', result_data: { cups: 2 } };

  /** The memory of how a task ended; the background work needs a moment. */
  const episode = async (key: string, namespace = outcome_namespace): Promise<Episode> => {
    for (let attempt = 0; attempt < 200; attempt++) {
      const answer = await api.get(`/v1/memories/${encodeURIComponent(namespace)}/${encodeURIComponent(key)}`);
      if (answer.status === 200) return answer.body as Episode;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`There is no episode ${key}`);
  };

  it('remembers how tasks ended, and what that is drawn from', async () => {
    const value = { title: 'Brew coffee', steps: ['boil water', 'pour it over the coffee'] };
    await api.put(procedure).send({ value, memory_type: 'procedural' }).expect(201);
    await run('monday', 1, succeed);
    await run('tuesday', 1, fail);
    await run('wednesday', 1, fail);
    const good = await episode('monday');
    const bad = await episode('tuesday');
    expect(good).toMatchObject({
      memory_type: 'episodic',
      value: { outcome: 'completed', text: 'Brew monday', result: { cups: 2 }, attempts: 1 },
      metadata: { source: 'task', task_id: 'monday', agent_id: 'cook', procedure: { ...at, version: 1 } },
    });
    expect(bad).toMatchObject({ value: { outcome: 'failed', error: 'bitter' }, metadata: { task_id: 'tuesday' } });
    const events = bad.metadata['events'] as number[];
    const types = [];
    for (const event of events) types.push((await api.get(`/v1/audit/events/${event}`).expect(200)).body.type);
    expect(types).toEqual(['TaskSubmitted', 'TaskFailed']);
  });

  it('refines a procedure to a new version, with the episodes that led to it', async () => {
    const episodes = [
      { namespace: outcome_namespace, key: 'tuesday' },
      { namespace: outcome_namespace, key: 'wednesday' },
    ];
    await episode('wednesday');
    const value = { title: 'Brew coffee', steps: ['boil water', 'wait a minute', 'pour it over the coffee'] };
    const { body } = await api
      .post(`${procedure}/refine`)
      .send({ value, episodes, reason: 'Boiling water makes it bitter.' })
      .expect(200)
      .expect('ETag', '"2"');
    expect(body).toMatchObject({
      version: 2,
      value,
      memory_type: 'procedural',
      metadata: {
        reason: 'Boiling water makes it bitter.',
        learned_from: episodes.map((one) => ({ ...one, version: 1 })),
      },
    });
    const first = await api.get(procedure).query({ version: 1 }).expect(200);
    expect(first.body.value.steps).toHaveLength(2);
  });

  it('refuses to have learnt from what is not there, about what was changed meanwhile, or about a fact', async () => {
    const refine = (body: object) => api.post(`${procedure}/refine`).send({ value: { n: 1 }, ...body });
    const head = async () => (await api.get('/v1/audit/head')).body.position as number;
    const before = await head();
    const nowhere = [{ namespace: outcome_namespace, key: 'sunday' }];
    expectProblem(await refine({ episodes: nowhere }), 409, { code: 'unknown-episode' });
    const known = [{ namespace: outcome_namespace, key: 'monday' }];
    expectProblem(await refine({ episodes: [{ ...known[0], version: 9 }] }), 409, { code: 'unknown-episode' });
    expectProblem(await refine({ episodes: [] }), 400, { field: 'episodes' });
    expectProblem(await refine({ episodes: known }).set('If-Match', '"1"'), 412);
    const fact = `/v1/memories/${outcome_namespace}/monday/refine`;
    expectProblem(await api.post(fact).send({ value: {}, episodes: known }), 409, { code: 'not-a-procedure' });
    const none = '/v1/memories/app:kitchen:procedures/none/refine';
    expectProblem(await api.post(none).send({ value: {}, episodes: known }), 404, { code: 'memory-not-found' });
    expect(await head()).toBe(before);
  });

  it('shows how each version did, and goes back from one that did worse', async () => {
    await api
      .put(procedure)
      .send({ value: { title: 'Brew coffee', steps: ['use cold water'] } })
      .expect(200);
    for (const [n, ending] of [succeed, succeed, succeed, fail].entries()) await run(`two-${n}`, 2, ending);
    for (const [n, ending] of [fail, fail, succeed].entries()) await run(`three-${n}`, 3, ending);
    const { body } = await api.get(`${procedure}/outcomes`).expect(200);
    expect(body).toEqual({
      ...at,
      current_version: 3,
      versions: [
        { version: 3, completed: 1, failed: 2, success_rate: 1 / 3 },
        { version: 2, completed: 3, failed: 1, success_rate: 0.75 },
        { version: 1, completed: 1, failed: 2, success_rate: 1 / 3 },
      ],
    });

    const rollBack = (sent: object) => api.post(`${procedure}/rollback`).send(sent);
    const dry = await rollBack({ dry_run: true }).expect(200);
    expect(dry.body).toMatchObject({ rolled_back: false, from_version: 3, to_version: 2, memory: { version: 3 } });
    expect(dry.body.explanation).toBe(
      'Version 3 completed 1 of 3 tasks (33 %). Version 2 completed 3 of 4 tasks (75 %).',
    );
    const few = await rollBack({ min_outcomes: 4 }).expect(200);
    expect(few.body).toMatchObject({ rolled_back: false, to_version: null });
    const key = { 'Idempotency-Key': 'back' };
    const done = await rollBack({}).set(key).expect(200).expect('ETag', '"4"');
    expect(done.body).toMatchObject({ rolled_back: true, from_version: 3, to_version: 2, memory: { version: 4 } });
    expect(done.body.memory.value.steps).toContain('wait a minute');
    // Asked again, it is not done again.
    const again = await rollBack({}).set(key).expect(200).expect('ETag', '"4"');
    expect(again.body).toMatchObject({ rolled_back: true, from_version: 3, to_version: 2, memory: { version: 4 } });
    const settled = await rollBack({}).expect(200);
    expect(settled.body).toMatchObject({ rolled_back: false, from_version: 4, to_version: null });
    expectProblem(await rollBack({ min_outcomes: 0 }), 400, { field: 'min_outcomes' });
    expectProblem(await api.post('/v1/memories/app:kitchen/none/rollback'), 404);
  });

  it('remembers outcomes of a session with it, whatever its id, and never brings back what was deleted', async () => {
    const session_id = 'a:b 50%';
    await api.post('/v1/sessions').send({ session_id, app_name: 'a', user_id: 'u' }).expect(201);
    const task = { task_id: 'with-session', prompt: 'p', session_id };
    await api.post('/v1/tasks').send(task).expect(201);
    await api.put('/v1/tasks/with-session/status').send({ status: 'running' }).expect(200);
    await api.put('/v1/tasks/with-session/status').send({ status: 'completed' }).expect(200);
    const found = await episode('with-session', 'session:a%3Ab 50%25:outcomes');
    expect(found).toMatchObject({ session_id, task_id: 'with-session' });
    await api.delete(`/v1/memories/${encodeURIComponent(found.namespace)}/with-session`).expect(204);
    // Whatever is remembered after it comes after it.
    await run('later', 2, succeed);
    await episode('later');
    await api.get(`/v1/memories/${encodeURIComponent(found.namespace)}/with-session`).expect(404);
  });
});
