import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startOllama, type OllamaDouble } from '../support/ollama-double.js';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';
import { ended } from '../support/operations.js';
import { until } from '../support/until.js';

interface Result {
  found: number;
  consolidated: number;
  kept: number;
  flagged: number;
  groups: { because?: string }[];
}

describe('R-M11 Conflicts before a model', () => {
  let double: OllamaDouble;
  let server: TestServer;
  let user: string;
  let count = 0;
  beforeAll(async () => {
    double = await startOllama();
    server = await startServer({ OLLAMA_HOST: double.url, ABATHUR_CHAT_TIMEOUT_MS: '1000' });
  });
  afterAll(async () => {
    await server.stop();
    await double.close();
  });
  beforeEach(async () => {
    Object.assign(double, { behaviour: 'fine', chats: [] });
    user = `user:llm${count++}`;
    await put('a', 'Lena moved to flat 12 in Bonn.');
    await put('b', 'Lena moved to flat 14 in Bonn.');
  });

  const put = (part: string, text: string) =>
    client(server).put(`/v1/memories/${user}:${part}/home`).send({ value: { text } }).expect(201);
  const texts = async (): Promise<[string, string, boolean][]> => {
    const { body } = await client(server).get(`/v1/memories?namespace_prefix=${user}`).expect(200);
    const { items } = body as { items: { namespace: string; value: { text: string }; requires_review: boolean }[] };
    return items.map(({ namespace, value, requires_review }) => [namespace, value.text, requires_review]);
  };
  const consolidate = async (more: object = {}): Promise<Result> => {
    const { body } = await client(server)
      .post('/v1/memories/consolidate')
      .send({ namespace_prefix: user, strategy: 'llm', ...more })
      .expect(202);
    const { error, result } = await ended(server, (body as { id: string }).id);
    expect(error).toBeNull();
    return result as Result;
  };

  it('are settled by what it answers, when that is of the shape that was asked for', async () => {
    double.answer = { same: true, reason: 'She moved on.', value: { text: 'Lena lives in flat 14 in Bonn.' } };
    expect(await consolidate()).toMatchObject({ found: 1, consolidated: 1 });
    expect(await texts()).toEqual([[`${user}:b`, 'Lena lives in flat 14 in Bonn.', false]]);
    const [chat] = double.chats;
    expect(chat).toMatchObject({ model: 'llama3.2', stream: false, format: { required: ['same', 'reason', 'value'] } });
    expect(JSON.stringify(chat!.messages)).toContain('flat 12');
  });

  it('are none, when it says so, and are not asked about again', async () => {
    double.answer = { same: false, reason: 'Two flats.', value: null };
    expect(await consolidate()).toMatchObject({ kept: 1, consolidated: 0 });
    expect(await texts()).toHaveLength(2);
    expect(await consolidate()).toMatchObject({ found: 0 });
    expect(double.chats).toHaveLength(1);
  });

  it('are not put before it by a dry run', async () => {
    expect(await consolidate({ dry_run: true })).toMatchObject({ groups: [{ outcome: 'ask_model' }] });
    expect(double.chats).toEqual([]);
    expect(await texts()).toHaveLength(2);
  });

  const untouched = async (result: Result): Promise<void> => {
    expect(result).toMatchObject({
      found: 1,
      consolidated: 0,
      flagged: 1,
      groups: [{ because: expect.stringMatching(/\S/) }],
    });
    expect(await texts()).toEqual([
      [`${user}:b`, 'Lena moved to flat 14 in Bonn.', true],
      [`${user}:a`, 'Lena moved to flat 12 in Bonn.', true],
    ]);
    const { body } = await client(server)
      .get(`/v1/memories/conflicts?namespace_prefix=${user}&status=open`)
      .expect(200);
    expect((body as { items: object[] }).items).toHaveLength(1);
  };

  it.each([
    ['a refusal', 'I am sorry, but I cannot help with that.'],
    ['nothing', ''],
    ['half an answer', '{"same": true, "value": {"te'],
    ['another shape', { merged: 'Lena lives in Bonn.' }],
    ['a value that is none', { same: true, reason: '', value: 'Lena lives in Bonn.' }],
    ['an empty value', { same: true, reason: '', value: {} }],
    ['more than was asked for', { same: true, reason: '', value: { text: 'Flat 14.' }, delete: 'user:bob' }],
    ['a figure that nobody wrote', { same: true, reason: '', value: { text: 'Lena lives in flat 13 in Bonn.' } }],
    ['a text that nobody can store', { same: true, reason: '', value: { text: 'Lena\u0000' } }],
    ['a key that poisons', '{"same": true, "reason": "", "value": {"__proto__": {"admin": true}}}'],
  ])('stay as they are and are flagged, when it answers with %s', async (_, answer) => {
    double.answer = answer;
    await untouched(await consolidate());
  });

  it.each(['slow', 'error', 'drop', 'html', 'missing', 'redirect'] as const)(
    'stay as they are and are flagged, when the server is: %s',
    async (behaviour) => {
      double.behaviour = behaviour;
      await untouched(await consolidate());
    },
  );

  it('stay open, when somebody has it resolve one and it cannot', async () => {
    await client(server)
      .post('/v1/memories/consolidate')
      .send({ namespace_prefix: user, strategy: 'manual' })
      .expect(202);
    const id = await until('the conflict is found', async () => {
      const { body } = await client(server).get(`/v1/memories/conflicts?namespace_prefix=${user}`);
      return (body as { items: { id: string }[] }).items[0]?.id;
    });
    const resolve = () => client(server).post(`/v1/memories/conflicts/${id}/resolve`).send({ strategy: 'llm' });
    double.behaviour = 'error';
    expectProblem(await resolve(), 503, { code: 'model-unavailable' });
    expect(await texts()).toHaveLength(2);
    Object.assign(double, {
      behaviour: 'fine',
      answer: { same: true, reason: '', value: { text: 'Flat 14 in Bonn.' } },
    });
    await resolve().expect(200);
    expect(await texts()).toEqual([[`${user}:b`, 'Flat 14 in Bonn.', false]]);
  });
});
