import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

describe('R-C2 Task dependencies', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    api = client(server);
  });
  afterAll(() => server.stop());

  const submit = (task_id: string, dependencies: string[] = []) =>
    api.post('/v1/tasks').send({ task_id, prompt: task_id, dependencies });
  const claim = async (): Promise<string | undefined> =>
    (await api.post('/v1/tasks/claim').send({ agent_id: 'a' })).body.task_id as string | undefined;
  const complete = (task_id: string) =>
    api.put(`/v1/tasks/${task_id}/status`).send({ status: 'completed' }).expect(200);

  it('a house is built from the ground up, whatever is asked for first', async () => {
    await submit('walls').expect(201);
    await submit('roof', ['walls']).expect(201);
    await submit('paint', ['walls']).expect(201);
    await submit('party', ['roof', 'paint']).expect(201);
    const built: (string | undefined)[] = [];
    for (let n = 0; n < 3; n++) built.push(await claim());
    // Nothing else can be done until the walls stand.
    expect(built).toEqual(['walls', undefined, undefined]);
    await complete('walls');
    expect([await claim(), await claim(), await claim()]).toEqual(['roof', 'paint', undefined]);
    await complete('paint');
    expect(await claim()).toBeUndefined();
    expect((await api.get('/v1/tasks/party')).body).toMatchObject({
      dependencies: ['roof', 'paint'],
      open_dependencies: 1,
    });
    await complete('roof');
    expect(await claim()).toBe('party');
  });

  it('R-T1 a circle cannot close', async () => {
    expectProblem(await submit('egg', ['egg']), 400, { field: 'dependencies' });
    expectProblem(await submit('egg', ['hen']), 409, { code: 'unknown-task' });
    await submit('hen').expect(201);
    await submit('egg', ['hen']).expect(201);
    expectProblem(await submit('hen', ['egg']), 409, { code: 'task-exists' });
    expect((await api.get('/v1/tasks/hen')).body.dependencies).toEqual([]);
    expect(await claim()).toBe('hen');
  });

  it('a task whose dependency failed or was cancelled is never given, and says what it waits for', async () => {
    await submit('ground').expect(201);
    await submit('tower', ['ground']).expect(201);
    await api.put('/v1/tasks/ground/status').send({ status: 'cancelled' }).expect(200);
    expect(await claim()).toBeUndefined();
    expect((await api.get('/v1/tasks/tower')).body).toMatchObject({ status: 'pending', open_dependencies: 1 });
    await api.put('/v1/tasks/tower/status').send({ status: 'cancelled' }).expect(200);
  });

  it('R-T1 a task has parts, which are found by it', async () => {
    await submit('whole').expect(201);
    await api.post('/v1/tasks').send({ task_id: 'part', prompt: 'p', parent_task_id: 'whole' }).expect(201);
    const { body } = await api.get('/v1/tasks').query({ parent_task_id: 'whole' }).expect(200);
    expect(body.items).toMatchObject([{ task_id: 'part', parent_task_id: 'whole' }]);
  });
});
