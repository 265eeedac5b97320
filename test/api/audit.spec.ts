import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

interface Entry {
  position: number;
  type: string;
  entry_hash: string;
  previous_hash: string;
  [field: string]: unknown;
}

describe('The audit log over REST', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer();
    api = client(server);
  });
  afterAll(() => server.stop());

  const entries = async (query: object): Promise<Entry[]> =>
    (await api.get('/v1/audit/events').query(query).expect(200)).body.items as Entry[];
  const head = async (): Promise<{ position: number; entry_hash: string; time: string }> =>
    (await api.get('/v1/audit/head').expect(200)).body as never;
  const write = (namespace: string, n: number) => api.put(`/v1/memories/${namespace}/k`).send({ value: { n } });

  it('R-A2 shows an entry with everything it was sealed with', async () => {
    const id = randomUUID();
    await api.post('/v1/sessions').send({ session_id: id, app_name: 'a', user_id: 'u' }).expect(201);
    const { headers } = await api
      .put(`/v1/memories/user:${id}/k`)
      .set('X-Correlation-Id', `work-${id}`)
      .send({ value: { n: 1 }, updated_by: 'agent:a1', task_id: 't1', session_id: id })
      .expect(201);
    const position = Number(headers['x-position']);
    const { body } = await api.get(`/v1/audit/events/${position}`).expect(200);
    const { body: before } = await api.get(`/v1/audit/events/${position - 1}`).expect(200);
    expect(body).toEqual({
      position,
      event_id: expect.any(String),
      stream: `memory:user%3A${id}:k`,
      stream_version: 1,
      type: 'MemoryWritten',
      schema_version: expect.any(Number),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      actor: 'agent:a1',
      agent_id: 'a1',
      task_id: 't1',
      session_id: id,
      memory_operation: 'create',
      memory_namespace: `user:${id}`,
      memory_entry_id: position,
      correlation_id: `work-${id}`,
      causation_id: null,
      data: expect.objectContaining({ value: { n: 1 } }),
      leaf_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      entry_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      previous_hash: before.entry_hash,
    });
  });

  it('R-A3 pages through all entries in both directions, each exactly once', async () => {
    const { position } = await head();
    const all = async (order: string): Promise<number[]> => {
      const seen: number[] = [];
      let cursor: string | null | undefined;
      do {
        const { body } = await api.get('/v1/audit/events').query({ order, limit: 3, cursor }).expect(200);
        seen.push(...(body.items as Entry[]).map((entry) => entry.position));
        cursor = body.next_cursor as string | null;
        if (order === 'desc') await write('user:noise', seen.length);
      } while (cursor !== null);
      return seen;
    };
    const expected = Array.from({ length: position }, (_, index) => index + 1);
    expect(await all('asc')).toEqual(expected);
    expect(await all('desc')).toEqual(expected.toReversed());
  });

  it('R-A3 filters by each of its fields', async () => {
    const id = randomUUID();
    const [mine, other] = [`user:${id}`, `user:${id}x`];
    const tie = ['X-Correlation-Id', id] as const;
    await api
      .post('/v1/sessions')
      .set(...tie)
      .send({ session_id: id, app_name: 'a', user_id: 'u' });
    const wrote = await api
      .put(`/v1/memories/${mine}/k`)
      .set(...tie)
      .send({ value: { n: 1 }, updated_by: `agent:${id}`, task_id: `task-${id}`, session_id: id });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await api
      .put(`/v1/memories/${mine}/k`)
      .set(...tie)
      .send({ value: { n: 2 } });
    await api.delete(`/v1/memories/${mine}/k`).set(...tie);
    await api.post(`/v1/memories/${mine}/k/restore`).set(...tie);
    await api
      .put(`/v1/memories/${mine}:deep/k`)
      .set(...tie)
      .send({ value: { n: 1 } });
    await api
      .put(`/v1/memories/${other}/k`)
      .set(...tie)
      .send({ value: { n: 1 } });
    const steps = await entries({ correlation_id: id });
    expect(steps).toHaveLength(7);
    const found = async (query: object): Promise<number[]> => {
      const hits = await entries({ correlation_id: id, ...query });
      return hits.map(({ position }) => steps.findIndex((step) => step.position === position));
    };
    expect(await found({})).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(await found({ order: 'desc', limit: 2 })).toEqual([6, 5]);
    expect(await found({ type: 'MemoryWritten' })).toEqual([1, 2, 5, 6]);
    expect(await found({ type: 'SessionCreated' })).toEqual([0]);
    expect(await found({ stream: steps[1]!['stream'] })).toEqual([1, 2, 3, 4]);
    expect(await found({ actor: `agent:${id}` })).toEqual([1]);
    expect(await found({ agent_id: id })).toEqual([1]);
    expect(await found({ task_id: `task-${id}` })).toEqual([1]);
    expect(await found({ session_id: id })).toEqual([0, 1]);
    expect(await found({ namespace_prefix: mine })).toEqual([1, 2, 3, 4, 5]);
    expect(await found({ namespace_prefix: `${mine}:deep` })).toEqual([5]);
    expect(await found({ memory_operation: 'create' })).toEqual([1, 5, 6]);
    expect(await found({ memory_operation: 'update' })).toEqual([2]);
    expect(await found({ memory_operation: 'delete' })).toEqual([3]);
    expect(await found({ memory_operation: 'restore' })).toEqual([4]);
    expect(await found({ memory_entry_id: steps[1]!.position })).toEqual([1]);
    expect(await found({ memory_entry_id: steps[2]!.position })).toEqual([2, 3, 4]);
    expect(await found({ after: steps[4]!.position })).toEqual([5, 6]);
    expect(await found({ to: steps[1]!['time'] })).toEqual([0, 1]);
    expect(await found({ from: steps[2]!['time'] })).toEqual(
      steps.flatMap((step, index) => (String(step['time']) >= String(steps[2]!['time']) ? [index] : [])),
    );
    expect(await found({ from: steps[1]!['time'], to: steps[1]!['time'], type: 'MemoryWritten' })).toEqual([1]);
    expect(await entries({ correlation_id: 'nobody' })).toEqual([]);
    expect(wrote.status).toBe(201);
  });

  it.each([
    [{ memory_operation: 'explode' }, 'memory_operation'],
    [{ order: 'random' }, 'order'],
    [{ after: -1 }, 'after'],
    [{ after: 'x' }, 'after'],
    [{ memory_entry_id: 0 }, 'memory_entry_id'],
    [{ from: '2025-02-30' }, 'from'],
    [{ to: 'tomorrow' }, 'to'],
    [{ namespace_prefix: 'user::x' }, 'namespace_prefix'],
    [{ limit: 1001 }, 'limit'],
    [{ cursor: 'x' }, 'cursor'],
    [{ user: 'alice' }, 'user'],
  ])('R-A3 refuses %j', async (query, field) => {
    expectProblem(await api.get('/v1/audit/events').query(query), 400, { field });
  });

  it('R-A2 links each entry to the one before it', async () => {
    const all = await entries({ limit: 1000 });
    expect(all[0]!.previous_hash).toBe('0'.repeat(64));
    for (const [index, entry] of all.entries()) {
      expect(entry.position).toBe(index + 1);
      expect(entry.previous_hash).toBe(index === 0 ? '0'.repeat(64) : all[index - 1]!.entry_hash);
    }
  });

  it('R-A2 tells its head', async () => {
    const { headers } = await write('user:head', Date.now()).expect(201);
    const tip = await head();
    expect(tip.position).toBe(Number(headers['x-position']));
    const { body } = await api.get(`/v1/audit/events/${tip.position}`);
    expect(tip).toEqual({ position: tip.position, entry_hash: body.entry_hash, time: body.time });
  });

  it('R-A2 has no entry beyond its head', async () => {
    const { position } = await head();
    expectProblem(await api.get(`/v1/audit/events/${position + 1}`), 404, { code: 'entry-not-found' });
    expectProblem(await api.get('/v1/audit/events/0'), 404);
    for (const wrong of ['x', '-1', '1.5', '1e3', '%00']) {
      expectProblem(await api.get(`/v1/audit/events/${wrong}`), 400, { field: 'position' });
    }
  });

  describe('POST /v1/audit/verify', () => {
    it('R-A4 finds the log as it was written, with and without a range', async () => {
      const tip = await head();
      const { body } = await api.post('/v1/audit/verify').expect(200);
      expect(body).toEqual({ ok: true, checked: tip.position, head: tip });
      await api.post('/v1/audit/verify').send({}).expect(200);
      const part = await api.post('/v1/audit/verify').send({ from: 2, to: 4 }).expect(200);
      expect(part.body).toEqual({ ok: true, checked: 3, head: tip });
      const rest = await api.post('/v1/audit/verify').send({ from: 3 }).expect(200);
      expect(rest.body.checked).toBe(tip.position - 2);
    });

    it.each([
      [{ from: 0 }, 'from'],
      [{ to: 0 }, 'to'],
      [{ to: 1e9 }, 'to'],
      [{ from: 1e9 }, 'from'],
      [{ from: 3, to: 2 }, 'from'],
      [{ from: '1' }, 'from'],
      [{ deep: true }, 'deep'],
    ])('R-A4 refuses %j', async (body, field) => {
      expectProblem(await api.post('/v1/audit/verify').send(body), 400, { field });
    });
  });

  describe('GET /v1/audit/feed', () => {
    interface Item {
      id: number;
      event: string;
      data: Entry;
    }

    /** Follows the feed; `next` waits for so many more items. */
    async function follow(query = '', headers: Record<string, string> = {}) {
      const abort = new AbortController();
      const answer = await fetch(`${server.url}/v1/audit/feed${query}`, { headers, signal: abort.signal });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      const next = async (count: number): Promise<Item[]> => {
        const items: Item[] = [];
        while (items.length < count) {
          const end = text.indexOf('\n\n');
          if (end < 0) {
            const { value, done } = await reader.read();
            if (done) throw new Error('The feed ended');
            text += value;
            continue;
          }
          const fields = Object.fromEntries(
            text
              .slice(0, end)
              .split('\n')
              .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
          );
          text = text.slice(end + 2);
          if (fields['data'] !== undefined) {
            items.push({
              id: Number(fields['id']),
              event: fields['event']!,
              data: JSON.parse(fields['data']) as Entry,
            });
          }
        }
        return items;
      };
      return { next, stop: () => abort.abort() };
    }

    it('R-A3 tells what happens from now on, in order', async () => {
      const feed = await follow();
      const { position } = await head();
      for (let n = 0; n < 5; n++) await write('user:feed', n);
      const items = await feed.next(5);
      feed.stop();
      expect(items.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5].map((n) => position + n));
      expect(items[0]).toMatchObject({
        event: 'MemoryWritten',
        data: { position: position + 1, type: 'MemoryWritten' },
      });
      const { body } = await api.get(`/v1/audit/events/${position + 3}`);
      expect(items[2]!.data).toEqual(body);
    });

    it('R-A3 resumes after Last-Event-ID without a gap, and goes on live', async () => {
      const first = await follow('?after=0');
      const seen = await first.next(4);
      first.stop();
      expect(seen.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
      const second = await follow('', { 'Last-Event-ID': String(seen.at(-1)!.id) });
      const { position } = await head();
      const rest = await second.next(position - 4);
      expect(rest.map(({ id }) => id)).toEqual(Array.from({ length: position - 4 }, (_, index) => index + 5));
      await write('user:feed', 100);
      const [live] = await second.next(1);
      second.stop();
      expect(live!.id).toBe(position + 1);
    });

    it('R-A3 lets Last-Event-ID go before the query', async () => {
      const feed = await follow('?after=0', { 'Last-Event-ID': '2' });
      const [item] = await feed.next(1);
      feed.stop();
      expect(item!.id).toBe(3);
    });

    it('R-A3 refuses a place that is not in the log', async () => {
      expectProblem(await api.get('/v1/audit/feed?after=999999'), 400, { field: 'after' });
      expectProblem(await api.get('/v1/audit/feed?after=-1'), 400, { field: 'after' });
      expectProblem(await api.get('/v1/audit/feed').set('Last-Event-ID', '999999'), 400, { field: 'Last-Event-ID' });
      expectProblem(await api.get('/v1/audit/feed').set('Last-Event-ID', 'x'), 400, { field: 'Last-Event-ID' });
    });

    it('R-A3 tells only of what one asks for, and resumes after it', async () => {
      const { position } = await head();
      for (const [n, namespace] of ['user:heard', 'user:heardof', 'user:heard:deep', 'user:heard'].entries())
        await write(namespace, 300 + n);
      const feed = await follow(`?after=${position}&namespace_prefix=user:heard&type=MemoryWritten`);
      const items = await feed.next(2);
      feed.stop();
      expect(items.map(({ id }) => id)).toEqual([position + 1, position + 3]);
      const again = await follow('?namespace_prefix=user:heard', { 'Last-Event-ID': String(items[1]!.id) });
      const [last] = await again.next(1);
      again.stop();
      expect(last!.id).toBe(position + 4);
      expectProblem(await api.get('/v1/audit/feed?from=2026-01-01'), 400, { field: 'from' });
    });

    it('R-A3 tells ten followers the same', async () => {
      const feeds = await Promise.all(Array.from({ length: 10 }, () => follow()));
      for (let n = 200; n < 220; n++) await write('user:feed', n);
      const told = await Promise.all(feeds.map(async ({ next }) => (await next(20)).map(({ id }) => id)));
      feeds.forEach(({ stop }) => stop());
      expect(new Set(told.map((ids) => ids.join(' '))).size).toBe(1);
    });
  });
});
