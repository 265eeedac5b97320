import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#kernel';
import { expectProblem } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';
import { ended } from '../support/operations.js';

interface Ref {
  namespace: string;
  key: string;
  version: number;
}

interface Memory extends Ref {
  id: number;
  value: JsonObject;
  metadata: JsonObject;
  consolidated_into: number | null;
  consolidated_from: Ref[] | null;
  is_archived: boolean;
  requires_review: boolean;
}

interface Conflict {
  id: string;
  kind: string;
  status: string;
  strategy: string | null;
  members: Ref[];
  result: Ref | null;
}

interface Result {
  scanned: number;
  found: number;
  consolidated: number;
  kept: number;
  flagged: number;
  skipped: number;
  outdated: number;
  groups: { outcome: string; kind: string; into: Ref | null; value?: JsonObject; members: Ref[] }[];
}

describe('R-M11 Consolidation', () => {
  let server: TestServer;
  beforeAll(async () => (server = await startServer({ ABATHUR_BACKGROUND: 'off' })));
  afterAll(() => server.stop());

  const put = async (namespace: string, key: string, value: JsonObject, more: object = {}): Promise<Memory> => {
    const url = `/v1/memories/${encodeURIComponent(namespace)}/${encodeURIComponent(key)}`;
    return (
      await client(server)
        .put(url)
        .send({ value, ...more })
    ).body as Memory;
  };
  const get = async (namespace: string, key: string, query = ''): Promise<Memory> =>
    (await client(server).get(`/v1/memories/${namespace}/${key}${query}`).expect(200)).body as Memory;
  const keys = async (namespace: string, query = ''): Promise<string[]> => {
    const { body } = await client(server).get(`/v1/memories?namespace_prefix=${namespace}${query}`).expect(200);
    return (body as { items: Memory[] }).items.map(({ key }) => key).toSorted();
  };
  const head = async (): Promise<number> =>
    ((await client(server).get('/v1/audit/head').expect(200)).body as { position: number }).position;
  const conflicts = async (query: string): Promise<Conflict[]> =>
    ((await client(server).get(`/v1/memories/conflicts?${query}`).expect(200)).body as { items: Conflict[] }).items;
  const finished = async (id: string): Promise<{ id: string; result: Result }> => {
    const { error, result } = await ended(server, id);
    expect(error).toBeNull();
    return { id, result: result as Result };
  };
  const consolidate = async (namespace_prefix: string, strategy: string, more: object = {}) => {
    const { body } = await client(server)
      .post('/v1/memories/consolidate')
      .send({ namespace_prefix, strategy, ...more })
      .expect(202);
    return finished((body as { id: string }).id);
  };

  it('last_write_wins keeps the newest content, supersedes the others, and loses none', async () => {
    const older = await put(
      'user:anna:food',
      'a',
      { text: 'Anna takes her coffee black.' },
      { metadata: { source: 'chat' } },
    );
    await put('user:anna:food', 'b', { text: 'anna takes her coffee black' });
    await put('user:anna:food', 'c', { text: 'Anna takes her coffee white.' });
    const { id, result } = await consolidate('user:anna', 'last_write_wins');
    expect(result).toMatchObject({ scanned: 3, found: 1, consolidated: 1, flagged: 0, skipped: 0 });

    const into = await get('user:anna:food', 'b');
    expect(into).toMatchObject({ version: 2, value: { text: 'anna takes her coffee black' } });
    expect(into.consolidated_from).toEqual([
      { namespace: 'user:anna:food', key: 'b', version: 1 },
      { namespace: 'user:anna:food', key: 'a', version: 1 },
    ]);
    expect(await get('user:anna:food', 'a')).toMatchObject({
      ...older,
      consolidated_into: into.id,
    });
    expect(await keys('user:anna')).toEqual(['b', 'c']);
    expect(await keys('user:anna', '&include_superseded=true')).toEqual(['a', 'b', 'c']);
    expect(await keys('user:anna', `&as_of=${older.id}`)).toEqual(['a']);
    expect(await get('user:anna:food', 'a', `?as_of=${older.id}`)).toMatchObject({ consolidated_into: null });
    const found = await client(server)
      .post('/v1/memories/search')
      .send({ query: 'coffee black', namespace_prefix: 'user:anna', mode: 'keyword' });
    const hits = (found.body as { results: Memory[] }).results.map(({ key }) => key);
    expect(hits).toContain('b');
    expect(hits).not.toContain('a');

    // Everything it wrote is found by the operation's id.
    const { body } = await client(server).get(`/v1/audit/events?correlation_id=${id}&order=asc`).expect(200);
    const events = (body as { items: { type: string; memory_operation: string | null }[] }).items;
    expect(events.map(({ type }) => type)).toEqual([
      'ConflictDetected',
      'MemoryWritten',
      'MemorySuperseded',
      'ConflictResolved',
    ]);
    expect(events.flatMap(({ memory_operation }) => memory_operation ?? [])).toEqual(['consolidate', 'consolidate']);
  });

  it('what was superseded is restored, and a run that finds nothing writes nothing', async () => {
    await client(server).post('/v1/memories/user:anna:food/a/restore').expect(200);
    expect(await get('user:anna:food', 'a')).toMatchObject({ consolidated_into: null, version: 1 });
    expect(await keys('user:anna')).toEqual(['a', 'b', 'c']);
    await put('user:bea', 'only', { text: 'Bea lives in Lisbon.' });
    const before = await head();
    expect((await consolidate('user:bea', 'merge')).result).toMatchObject({ found: 0, consolidated: 0 });
    expect(await head()).toBe(before);
  });

  it('merge keeps every field, deep, the newest winning', async () => {
    await put('user:carl:a', 'prefs', { theme: 'dark', editor: { tabs: 2, font: 'Mono' }, list: [1, 2] });
    await put('user:carl:b', 'prefs', { theme: 'light', editor: { tabs: 4 }, list: [3] });
    const { result } = await consolidate('user:carl', 'merge');
    expect(result).toMatchObject({ consolidated: 1, groups: [{ kind: 'same_key' }] });
    expect((await get('user:carl:b', 'prefs')).value).toEqual({
      theme: 'light',
      editor: { tabs: 4, font: 'Mono' },
      list: [3],
    });
    expect(await get('user:carl:a', 'prefs')).toMatchObject({ consolidated_into: expect.any(Number) });
  });

  it('a key of a session goes into the one of its user, and what belongs to others is only flagged', async () => {
    await client(server)
      .post('/v1/sessions')
      .send({ session_id: 'dora-1', app_name: 'desk', user_id: 'dora' })
      .expect(201);
    await put('user:dora', 'tone', { text: 'formal' });
    await put('app:desk', 'tone', { text: 'neutral' });
    await put('session:dora-1', 'name', { text: 'Dora Q.' });
    await put('user:dora', 'name', { text: 'Dora Quist' });
    await put('session:dora-1', 'name', { text: 'Dora Quist-Berg' });
    const { result } = await consolidate('user:dora', 'last_write_wins');
    expect(result).toMatchObject({ found: 2, consolidated: 1, flagged: 1 });
    expect(await get('user:dora', 'name')).toMatchObject({ value: { text: 'Dora Quist-Berg' }, version: 2 });
    expect(await get('session:dora-1', 'name')).toMatchObject({ consolidated_into: expect.any(Number) });
    expect(await get('app:desk', 'tone')).toMatchObject({ consolidated_into: null, version: 1 });
    expect(await get('user:dora', 'tone')).toMatchObject({ requires_review: true, consolidated_into: null });
    expect(await conflicts('namespace_prefix=user:dora&status=open')).toMatchObject([{ kind: 'same_key' }]);
  });

  it('two who wrote at once without having seen each other are told; who sent If-Match has seen', async () => {
    await put('user:emil', 'city', { text: 'Oslo' }, { updated_by: 'agent:one' });
    await put('user:emil', 'city', { text: 'Rome' }, { updated_by: 'agent:two' });
    await put('user:emil', 'seen', { text: 'Oslo' }, { updated_by: 'agent:one' });
    await client(server)
      .put('/v1/memories/user:emil/seen')
      .set('if-match', '"1"')
      .send({ value: { text: 'Rome' }, updated_by: 'agent:two' })
      .expect(200);
    const { result } = await consolidate('user:emil', 'manual');
    expect(result).toMatchObject({ found: 1, flagged: 1, groups: [{ kind: 'concurrent_writes' }] });
    const [conflict] = await conflicts('namespace_prefix=user:emil');
    expect(conflict!.members.map(({ version }) => version)).toEqual([2, 1]);
    expect(await get('user:emil', 'city')).toMatchObject({ requires_review: true });
    const again = await consolidate('user:emil', 'last_write_wins');
    expect(again.result).toMatchObject({ kept: 1, consolidated: 0 });
    expect(await get('user:emil', 'city')).toMatchObject({ requires_review: false, version: 2 });
    expect((await consolidate('user:emil', 'last_write_wins')).result).toMatchObject({ found: 0 });
  });

  it('dry_run tells what would happen and writes nothing at all', async () => {
    await put('user:fay:a', 'x', { text: 'The report is due on 5 March 2027.' });
    await put('user:fay:b', 'y', { text: 'The report is due on 2027-03-05.' });
    const before = await head();
    const { result } = await consolidate('user:fay', 'merge', { dry_run: true });
    expect(result).toMatchObject({
      consolidated: 1,
      groups: [
        {
          outcome: 'consolidated',
          into: { key: 'y', version: 2 },
          value: { text: 'The report is due on 2027-03-05.' },
        },
      ],
    });
    expect(await head()).toBe(before);
    expect(await conflicts('namespace_prefix=user:fay')).toEqual([]);
  });

  it('manual flags, finds the same conflict only once, and is resolved with a value', async () => {
    await put('user:gus:a', 'plan', { text: 'Gus goes to Oslo.' });
    await put('user:gus:b', 'plan', { text: 'Gus goes to Rome.' });
    await consolidate('user:gus', 'manual');
    await consolidate('user:gus', 'manual');
    const [conflict, ...others] = await conflicts('namespace_prefix=user:gus&kind=same_key');
    expect(others).toEqual([]);
    expect(conflict).toMatchObject({ status: 'open', result: null });
    expect(await get('user:gus:a', 'plan')).toMatchObject({ requires_review: true });

    const url = `/v1/memories/conflicts/${conflict!.id}/resolve`;
    const resolve = (body: object) => client(server).post(url).send(body);
    const before = await head();
    expectProblem(await resolve({ strategy: 'manual' }), 400, { code: 'invalid-request', field: 'value' });
    expectProblem(await resolve({ strategy: 'merge', value: { a: 1 } }), 400, {
      code: 'invalid-request',
      field: 'value',
    });
    expectProblem(await resolve({ strategy: 'coin' }), 400, { code: 'invalid-request', field: 'strategy' });
    expectProblem(await resolve({ strategy: 'manual', value: 'Oslo' }), 400, {
      code: 'invalid-request',
      field: 'value',
    });
    expect(await head()).toBe(before);
    const answer = await resolve({ strategy: 'manual', value: { text: 'Gus goes to Oslo, then to Rome.' } }).expect(
      200,
    );
    expect(answer.body).toMatchObject({
      status: 'resolved',
      strategy: 'manual',
      result: { namespace: 'user:gus:b', version: 2 },
    });
    expect(answer.headers['x-position']).toBeDefined();
    expect(await get('user:gus:b', 'plan')).toMatchObject({
      value: { text: 'Gus goes to Oslo, then to Rome.' },
      requires_review: false,
    });
    expect(await get('user:gus:a', 'plan')).toMatchObject({ requires_review: false });
    expectProblem(await resolve({ strategy: 'merge' }), 409, { code: 'conflict-resolved' });
    expectProblem(
      await client(server).post('/v1/memories/conflicts/none/resolve').send({ strategy: 'merge' }),
      404,
      'conflict-not-found',
    );
  });

  it('a conflict of which a member has changed is not settled, and is closed by the next run', async () => {
    await put('user:hal:a', 'plan', { text: 'Hal goes to Oslo.' });
    await put('user:hal:b', 'plan', { text: 'Hal goes to Rome.' });
    await consolidate('user:hal', 'manual');
    const [conflict] = await conflicts('namespace_prefix=user:hal&kind=same_key');
    await put('user:hal:a', 'plan', { text: 'Hal stays.' });
    const before = await head();
    const answer = await client(server)
      .post(`/v1/memories/conflicts/${conflict!.id}/resolve`)
      .send({ strategy: 'merge' });
    expectProblem(answer, 412, { code: 'version-conflict' });
    expect(await head()).toBe(before);
    expect((await consolidate('user:hal', 'manual')).result).toMatchObject({ outdated: 1, flagged: 1 });
    expect(await conflicts('namespace_prefix=user:hal&status=resolved')).toMatchObject([{ strategy: 'outdated' }]);
  });

  it('a conflict that was closed as outdated is open again when its member is back', async () => {
    await put('user:hans:a', 'plan', { text: 'Hans goes to Oslo.' });
    await put('user:hans:b', 'plan', { text: 'Hans goes to Rome.' });
    await consolidate('user:hans', 'manual');
    await client(server).delete('/v1/memories/user:hans:a/plan').expect(204);
    expect((await consolidate('user:hans', 'manual')).result).toMatchObject({ outdated: 1, flagged: 0 });
    await client(server).post('/v1/memories/user:hans:a/plan/restore').expect(200);
    expect((await consolidate('user:hans', 'manual')).result).toMatchObject({ outdated: 0, flagged: 1 });
    expect(await conflicts('namespace_prefix=user:hans&status=open')).toHaveLength(1);
    expect(await get('user:hans:a', 'plan')).toMatchObject({ requires_review: true });
  });

  it('keep_all says that there is none, and it is not found again', async () => {
    await put('user:ida:a', 'notes', { text: 'About the garden.' });
    await put('user:ida:b', 'notes', { text: 'About the kitchen.' });
    await consolidate('user:ida', 'manual');
    const [conflict] = await conflicts('namespace_prefix=user:ida');
    await client(server)
      .post(`/v1/memories/conflicts/${conflict!.id}/resolve`)
      .send({ strategy: 'keep_all' })
      .expect(200);
    expect((await consolidate('user:ida', 'last_write_wins')).result).toMatchObject({ found: 0 });
    expect(await keys('user:ida')).toEqual(['notes', 'notes']);
  });

  it('what is merely alike is put before somebody, and what differs in a figure or a name is not even that', async () => {
    await put('user:jon', 'a', { text: 'Jon enjoys long walks in the forest near his house.' });
    await put('user:jon', 'b', { text: 'Jon likes long walks in the forest near his house.' });
    await put('user:jon', 'c', { text: 'Jon likes 2 long walks in the forest near his house.' });
    const { result } = await consolidate('user:jon', 'merge');
    expect(result).toMatchObject({ found: 1, consolidated: 0, flagged: 1, groups: [{ kind: 'near_duplicate' }] });
    expect(await keys('user:jon')).toEqual(['a', 'b', 'c']);
  });

  it('the same words at another time are another episode, and under another key the answer to another question', async () => {
    await put('user:kim', 'm1', { text: 'Kim called support about the invoice.' }, { memory_type: 'episodic' });
    await put('user:kim', 'm2', { text: 'Kim called support about the invoice.' }, { memory_type: 'episodic' });
    await put('user:kim', 'likes-tea', { answer: 'yes' });
    await put('user:kim', 'likes-coffee', { answer: 'yes' });
    await put('user:kim', 'f1', { text: 'The build takes ten minutes.' }, { metadata: { project: 'api' } });
    await put('user:kim', 'f2', { text: 'The build takes ten minutes.' }, { metadata: { project: 'web' } });
    expect((await consolidate('user:kim', 'merge')).result).toMatchObject({ scanned: 6, found: 0 });
  });

  it('sessions of one user do not see each other, so they have nothing against each other', async () => {
    for (const session_id of ['lea-1', 'lea-2']) {
      await client(server).post('/v1/sessions').send({ session_id, app_name: 'desk', user_id: 'lea' }).expect(201);
      await put(`session:${session_id}`, 'summary', { text: `What was said in ${session_id}.` });
    }
    expect((await consolidate('user:lea', 'last_write_wins')).result).toMatchObject({
      scanned: expect.any(Number),
      found: 0,
    });
  });

  it('one user never goes into another', async () => {
    await put('user:max', 'pet', { text: 'The user has a dog named Rex.' });
    await put('user:maxine', 'pet', { text: 'The user has a dog named Rex.' });
    expect(
      (await consolidate('user', 'last_write_wins')).result.groups.flatMap(({ members }) => members),
    ).not.toContainEqual(expect.objectContaining({ namespace: 'user:maxine' }));
    expect(await keys('user:max')).toEqual(['pet']);
    expect(await keys('user:maxine')).toEqual(['pet']);
  });

  it.each([
    ['an unknown strategy', { namespace_prefix: 'user:anna', strategy: 'guess' }, 'strategy'],
    ['no strategy', { namespace_prefix: 'user:anna' }, 'strategy'],
    ['no prefix', { strategy: 'merge' }, 'namespace_prefix'],
    ['a prefix with an empty segment', { namespace_prefix: 'user::x', strategy: 'merge' }, 'namespace_prefix'],
    [
      'a dry_run that is no truth value',
      { namespace_prefix: 'user:anna', strategy: 'merge', dry_run: 'yes' },
      'dry_run',
    ],
    ['an unknown field', { namespace_prefix: 'user:anna', strategy: 'merge', force: true }, 'force'],
  ])('%s is refused, and nothing begins', async (_, body, field) => {
    expectProblem(await client(server).post('/v1/memories/consolidate').send(body), 400, {
      code: 'invalid-request',
      field,
    });
  });

  it('R-M12 archives one memory, and old ones; a restore or a write brings them back', async () => {
    await put('user:nia', 'one', { text: 'Nia plays the harp.' });
    const { body } = await client(server).post('/v1/memories/user:nia/one/archive').expect(200);
    expect(body).toMatchObject({ is_archived: true, version: 1 });
    expect(await keys('user:nia')).toEqual([]);
    expect(await get('user:nia', 'one')).toMatchObject({ is_archived: true });
    await client(server).post('/v1/memories/user:nia/one/restore').expect(200);
    expect(await keys('user:nia')).toEqual(['one']);
    expectProblem(await client(server).post('/v1/memories/user:nia/none/archive'), 404, { code: 'memory-not-found' });
    const begun = await client(server).post('/v1/memories/archive').send({ namespace_prefix: 'user:nia' }).expect(202);
    expect((await finished((begun.body as { id: string }).id)).result).toMatchObject({ archived: 0 });
    expectProblem(
      await client(server).post('/v1/memories/archive').send({ older_than_days: 0 }),
      400,
      'invalid-request',
      'older_than_days',
    );
  });
});
