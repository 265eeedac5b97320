import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

describe('R-C3 Task context and state', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer();
    api = client(server);
  });
  afterAll(() => server.stop());

  /** Asks until the answer is as wanted; the background work needs a moment. */
  const becomes = (url: string, wanted: (body: Record<string, unknown>) => boolean) =>
    until(`${url} becomes as wanted`, async () => {
      const { body } = await api.get(url).expect(200);
      return wanted(body as Record<string, unknown>) ? (body as Record<string, unknown>) : undefined;
    });

  it('R-T4 an agent dies in the middle, and the next one goes on from its last checkpoint', async () => {
    await api.post('/v1/sessions').send({ session_id: 'translation', app_name: 'a', user_id: 'u' }).expect(201);
    const task = {
      task_id: 'book',
      prompt: 'Translate the book',
      agent_type: 'translator',
      session_id: 'translation',
      max_execution_timeout_seconds: 1,
    };
    await api.post('/v1/tasks').send(task).expect(201);
    const claim = (agent_id: string) => api.post('/v1/tasks/claim').send({ agent_id, agent_type: 'translator' });
    await claim('first').expect(200);
    await api
      .put('/v1/tasks/book/state/glossary')
      .send({ value: { tea: 'Tee' } })
      .expect(200);
    await api
      .put('/v1/tasks/book/checkpoints/1')
      .send({ state: { chapter: 1 } })
      .expect(201);
    await api
      .put('/v1/tasks/book/checkpoints/2')
      .send({ state: { chapter: 2 } })
      .expect(201);

    // It is not heard of any more: the background work puts the task back.
    const back = await becomes('/v1/tasks/book', ({ status }) => status === 'pending');
    expect(back).toMatchObject({ retry_count: 1, agent_id: null, error_message: 'It did not end within 1 s.' });

    expect((await claim('second').expect(200)).body).toMatchObject({ task_id: 'book', agent_id: 'second' });
    const { body: checkpoints } = await api.get('/v1/tasks/book/checkpoints').query({ limit: 1 }).expect(200);
    expect(checkpoints.items).toMatchObject([{ iteration: 2, state: { chapter: 2 }, session_id: 'translation' }]);
    expect((await api.get('/v1/tasks/book/state/glossary').expect(200)).body.value).toEqual({ tea: 'Tee' });

    // The first one was only slow. Its result would be of an attempt that is over.
    const late = { status: 'completed', result_data: { pages: 1 }, agent_id: 'first' };
    expectProblem(await api.put('/v1/tasks/book/status').send(late), 409);
  });

  it('R-T2 a task that runs out of time as often as it may has failed', async () => {
    const task = { task_id: 'siege', prompt: 'p', max_retries: 0, max_execution_timeout_seconds: 1 };
    await api.post('/v1/tasks').send(task).expect(201);
    await api.put('/v1/tasks/siege/status').send({ status: 'running', agent_id: 'a' }).expect(200);
    const failed = await becomes('/v1/tasks/siege', ({ status }) => status === 'failed');
    expect(failed).toMatchObject({ error_message: 'It did not end within 1 s.', agent_id: 'a' });
    const { body } = await api.get('/v1/audit/events').query({ task_id: 'siege', type: 'TaskFailed' }).expect(200);
    expect(body.items).toMatchObject([{ actor: 'system', data: { reason: 'timed_out' } }]);
  });
});
