import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'node:http';
import { expectProblem, type Answer } from '../support/problem.js';
import { client, startServer, type TestServer } from '../support/server.js';

interface Case {
  what: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string | Buffer;
  status: number;
  /** Which field the answer names. */
  field?: string;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const MEMORY = '/v1/memories/user:alice/k';
const EVENTS = '/v1/sessions/s1/events';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const lone = '"\\ud800"';

const get = (what: string, path: string, field?: string, status = 400, headers = {}): Case => ({
  what,
  method: 'GET',
  path,
  headers,
  status,
  field,
});

const send = (
  method: string,
  path: string,
  what: string,
  body: unknown,
  field?: string,
  status = 400,
  headers: Record<string, string> = JSON_TYPE,
): Case => ({
  what,
  method,
  path,
  headers,
  body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  status,
  field,
});

const put = (what: string, body: unknown, field?: string, status?: number, headers?: Record<string, string>): Case =>
  send('PUT', MEMORY, what, body, field, status, headers);
const add = (what: string, body: object, field: string): Case =>
  send('POST', '/v1/memories', what, { namespace: 'user:alice', key: 'k', value: {}, ...body }, field);
const open = (what: string, body: object, field: string): Case =>
  send('POST', '/v1/sessions', what, { app_name: 'a', user_id: 'u', ...body }, field);
const append = (what: string, body: object, field: string): Case =>
  send('POST', EVENTS, what, { event_type: 'message', actor: 'user', content: {}, ...body }, field);

const BODIES: Case[] = [
  put('no body', '', 'body'),
  put('null', 'null', 'body'),
  put('a list', '[]', 'body'),
  put('a number', '7', 'body'),
  put('a text', '"value"', 'body'),
  put('names without quotes', '{value:{}}', 'body'),
  put('single quotes', "{'value':{}}", 'body'),
  put('a cut text', '{"value":{', 'body'),
  put('a trailing comma', '{"value":{},}', 'body'),
  put('a comment', '{"value":{}/**/}', 'body'),
  put('two documents', '{"value":{}}{"value":{}}', 'body'),
  put('NaN', '{"value":{"n":NaN}}', 'body'),
  put('Infinity', '{"value":{"n":Infinity}}', 'body'),
  put('a field twice', '{"value":{},"value":{"a":1}}', 'body'),
  put('a field twice, deep inside', '{"value":{"a":[{"b":1,"b":2}]}}', 'body'),
  put('a number beyond double precision', '{"value":{"n":1e400}}', 'value.n'),
  put('an integer beyond 2^53', '{"value":{"n":9007199254740993}}', 'value.n'),
  put('a lone surrogate', `{"value":{"t":${lone}}}`, 'value.t'),
  put('a lone surrogate in a list', `{"value":{"t":["a",${lone}]}}`, 'value.t[1]'),
  put('a lone surrogate for a name', `{"value":{${lone}:1}}`),
  put('NUL in a text', '{"value":{"t":"a\\u0000b"}}', 'value.t'),
  put('NUL in a name', '{"value":{"a\\u0000":1}}', 'value.a\\0'),
  put('__proto__ for a name', '{"value":{"__proto__":{"a":1}}}', 'value.__proto__'),
  put('__proto__ deep inside', '{"value":{"a":[{"__proto__":1}]}}', 'value.a[0].__proto__'),
  put('__proto__ spelled otherwise', '{"value":{"\\u005f_proto__":1}}', 'value.__proto__'),
  put('constructor.prototype', '{"value":{"constructor":{"prototype":{}}}}', 'value.constructor'),
  put('__proto__ in metadata', '{"value":{},"metadata":{"__proto__":1}}', 'metadata.__proto__'),
  put('__proto__ beside the fields', '{"value":{},"__proto__":{}}', '__proto__'),
  put('65 levels', `{"value":{"a":${nested(63)}}}`),
  put('100,000 levels', `{"value":{"a":${nested(100_000)}}}`),
  put('invalid UTF-8', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]), 'body'),
  put('UTF-16', Buffer.from('\ufeff{"value":{}}', 'utf16le'), 'body'),
  put('latin-1', Buffer.from('{"value":{"t":"\xe9"}}', 'latin1'), 'body'),
  put('2 MB', { value: { t: 'x'.repeat(2_000_000) } }, 'body', 413),
  put('one byte above 1 MiB', `{"value":{"t":"${'x'.repeat(1024 * 1024 - 15)}"}}`, 'body', 413),
  put('no content type', '{"value":{}}', 'Content-Type', 415, {}),
  put('text/plain', '{"value":{}}', 'Content-Type', 415, { 'content-type': 'text/plain' }),
  put('text/json', '{"value":{}}', 'Content-Type', 415, { 'content-type': 'text/json' }),
  put('a form', 'value=1', 'Content-Type', 415, { 'content-type': 'application/x-www-form-urlencoded' }),
  put('multipart', '--x--', 'Content-Type', 415, { 'content-type': 'multipart/form-data; boundary=x' }),
  put('NDJSON', '{"value":{}}', 'Content-Type', 415, { 'content-type': 'application/x-ndjson' }),
  put('a content type that is none', '{"value":{}}', 'Content-Type', 415, { 'content-type': 'nonsense' }),
  put('another charset', '{"value":{}}', 'Content-Type', 415, { 'content-type': 'application/json; charset=utf-7' }),
  put('gzip', '{"value":{}}', 'Content-Type', 415, { ...JSON_TYPE, 'content-encoding': 'gzip' }),
  send('DELETE', MEMORY, 'a body with a deletion', {}, 'body'),
  send('GET', '/v1/memories', 'a body with a read', {}, 'body'),
];

const FIELDS: Case[] = [
  put('a value that is a text', { value: 'black' }, 'value'),
  put('a value that is a list', { value: [] }, 'value'),
  put('a value that is null', { value: null }, 'value'),
  put('no value', {}, 'value'),
  put('an unknown field', { value: {}, colour: 'red' }, 'colour'),
  put('a field of the server', { value: {}, version: 7 }, 'version'),
  put('a field of the path', { value: {}, namespace: 'user:bob' }, 'namespace'),
  put('an unknown type', { value: {}, memory_type: 'vague' }, 'memory_type'),
  put('a type in capitals', { value: {}, memory_type: 'SEMANTIC' }, 'memory_type'),
  put('metadata that is a list', { value: {}, metadata: [] }, 'metadata'),
  put('metadata that is null', { value: {}, metadata: null }, 'metadata'),
  put('a life time of 0', { value: {}, ttl_seconds: 0 }, 'ttl_seconds'),
  put('a negative life time', { value: {}, ttl_seconds: -1 }, 'ttl_seconds'),
  put('half a second', { value: {}, ttl_seconds: 0.5 }, 'ttl_seconds'),
  put('a life time in a text', { value: {}, ttl_seconds: '60' }, 'ttl_seconds'),
  put('a life time without end', { value: {}, ttl_seconds: 1e15 }, 'ttl_seconds'),
  put('an empty writer', { value: {}, updated_by: '' }, 'updated_by'),
  put('a writer of 257 characters', { value: {}, updated_by: 'x'.repeat(257) }, 'updated_by'),
  put('a writer that is an object', { value: {}, updated_by: {} }, 'updated_by'),
  put('a writer that cannot be printed', { value: {}, updated_by: 'a\u202eb' }, 'updated_by'),
  add('an empty namespace', { namespace: '' }, 'namespace'),
  add('a namespace of one segment', { namespace: 'user' }, 'namespace'),
  add('an unknown scope', { namespace: 'tenant:alice' }, 'namespace'),
  add('what is never kept', { namespace: 'temp:alice' }, 'namespace'),
  add('an empty segment at the end', { namespace: 'user:' }, 'namespace'),
  add('an empty segment at the beginning', { namespace: ':user' }, 'namespace'),
  add('an empty segment in between', { namespace: 'user::alice' }, 'namespace'),
  add('a segment of 129 characters', { namespace: `user:${'x'.repeat(129)}` }, 'namespace'),
  add('a namespace of 513 characters', { namespace: `user:${'x:'.repeat(254)}` }, 'namespace'),
  add('a scope in capitals', { namespace: 'User:alice' }, 'namespace'),
  add('a space before a segment', { namespace: 'user: alice' }, 'namespace'),
  add('a line break in a namespace', { namespace: 'user:al\nice' }, 'namespace'),
  add('reversed text in a namespace', { namespace: 'user:\u202Ealice' }, 'namespace'),
  add('an invisible character in a namespace', { namespace: 'user:al\u200bice' }, 'namespace'),
  add('a namespace that is a list', { namespace: ['user', 'alice'] }, 'namespace'),
  add('an empty key', { key: '' }, 'key'),
  add('a key of 257 characters', { key: 'x'.repeat(257) }, 'key'),
  add('a key that is a number', { key: 7 }, 'key'),
  add('a key that is null', { key: null }, 'key'),
  add('a key that cannot be printed', { key: 'a\u0007' }, 'key'),
  add('a session that is a number', { session_id: 7 }, 'session_id'),
  add('a task without a name', { task_id: '' }, 'task_id'),
  open('no user', { user_id: undefined }, 'user_id'),
  open('an empty app', { app_name: '' }, 'app_name'),
  open('an app of 129 characters', { app_name: 'x'.repeat(129) }, 'app_name'),
  open('a user that is null', { user_id: null }, 'user_id'),
  open('a user that is a truth value', { user_id: true }, 'user_id'),
  open('NUL in a user', { user_id: 'a\0b' }, 'user_id'),
  open('an id of 257 characters', { session_id: 'x'.repeat(257) }, 'session_id'),
  open('an empty id', { session_id: '' }, 'session_id'),
  open('a state that is a list', { initial_state: [] }, 'initial_state'),
  open('a state that is null', { initial_state: null }, 'initial_state'),
  open('a project key without a project', { initial_state: { 'project:x': 1 } }, 'initial_state.project:x'),
  open('metadata that is a text', { metadata: 'web' }, 'metadata'),
  open('a status at the beginning', { status: 'active' }, 'status'),
  append('an unknown type of event', { event_type: 'song' }, 'event_type'),
  append('no actor', { actor: undefined }, 'actor'),
  append('content that is a text', { content: 'hello' }, 'content'),
  append('no content', { content: undefined }, 'content'),
  append('a delta that is a list', { state_delta: [] }, 'state_delta'),
  append('a delta that is null', { state_delta: null }, 'state_delta'),
  append('a text for a truth value', { is_final_response: 'yes' }, 'is_final_response'),
  append('a day that is none', { timestamp: '2025-02-30T00:00:00Z' }, 'timestamp'),
  append('a time without a zone', { timestamp: '2025-02-03T00:00:00' }, 'timestamp'),
  append('a time in seconds', { timestamp: 1767225600 }, 'timestamp'),
  append('a year of five digits', { timestamp: '99999-01-01T00:00:00Z' }, 'timestamp'),
  append('an hour that is none', { timestamp: '2025-02-03T25:00:00Z' }, 'timestamp'),
  append('an empty id of an event', { event_id: '' }, 'event_id'),
  append('a place in the log', { position: 1 }, 'position'),
  append('a hash', { entry_hash: 'ff' }, 'entry_hash'),
  append('a poisoned content', { content: JSON.parse('{"__proto__":1}') as object }, 'content.__proto__'),
  send('PUT', '/v1/sessions/s1/status', 'an unknown status', { status: 'asleep' }, 'status'),
  send('PUT', '/v1/sessions/s1/status', 'no status', {}, 'status'),
  send('PUT', '/v1/sessions/s1/state/a', 'no value', {}, 'value'),
  send('PUT', '/v1/sessions/s1/state/a', 'a poisoned value', '{"value":{"__proto__":1}}', 'value.__proto__'),
  send('POST', '/v1/sessions/s1/fork', 'a version that is a text', { at_version: '1' }, 'at_version'),
  send('POST', '/v1/sessions/s1/fork', 'half a version', { at_version: 1.5 }, 'at_version'),
  send('POST', `${EVENTS}/batch`, 'events that are an object', { events: {} }, 'events'),
  send('POST', `${EVENTS}/batch`, 'an event that is null', { events: [null] }, 'events[0]'),
  send('POST', `${MEMORY}/restore`, 'version 0', { version: 0 }, 'version'),
  send('POST', `${MEMORY}/restore`, 'a version beyond counting', { version: 2 ** 63 }, 'version'),
  send('POST', '/v1/memories/publish', 'no target', { from_namespace: 'session:a', key: 'k' }, 'to_namespace'),
  send('POST', '/v1/memories/batch', 'operations that are null', { operations: null }, 'operations'),
  send(
    'POST',
    '/v1/memories/batch',
    'an operation of nobody',
    { operations: [{ op: '__proto__' }] },
    'operations[0].op',
  ),
  ...[0, -1, 1.5, 10 ** 12, '30', null, undefined].map((older_than_days) =>
    send(
      'POST',
      '/v1/memories/expire',
      `an age of ${String(older_than_days)} days`,
      { memory_type: 'episodic', older_than_days },
      'older_than_days',
    ),
  ),
  ...['semantic', 'procedural', 'all', undefined].map((memory_type) =>
    send('POST', '/v1/memories/expire', `type ${memory_type}`, { memory_type, older_than_days: 30 }, 'memory_type'),
  ),
  send('PUT', '/v1/admin/jobs/expire-memories', 'nothing', {}, 'body'),
  send('PUT', '/v1/admin/jobs/expire-memories', 'no schedule', { schedule: '' }, 'schedule'),
  send('PUT', '/v1/admin/jobs/expire-memories', 'four fields', { schedule: '* * * *' }, 'schedule'),
  send('PUT', '/v1/admin/jobs/expire-memories', 'a 61st minute', { schedule: '60 * * * *' }, 'schedule'),
  send('PUT', '/v1/admin/jobs/expire-memories', 'a 30th of February', { schedule: '0 0 30 2 *' }, 'schedule'),
  send('PUT', '/v1/admin/jobs/expire-memories', 'a text for a switch', { enabled: 'off' }, 'enabled'),
  send('POST', '/v1/admin/jobs/expire-memories/run', 'a text for a truth value', { dry_run: 'yes' }, 'dry_run'),
  send('POST', '/v1/audit/verify', 'a range that is a text', { from: 'a' }, 'from'),
];

const HEADERS: Case[] = [
  ...['', '3', '"x"', '"-1"', '"1.5"', '*', 'W/"1"', '"1", "2"', '"9999999999999999"'].map((tag) =>
    put(`If-Match ${tag}`, { value: {} }, 'If-Match', 400, { ...JSON_TYPE, 'if-match': tag }),
  ),
  ...['', 'two words', 'é', 'x'.repeat(256)].map((key) =>
    put(`Idempotency-Key ${key.slice(0, 10)}`, { value: {} }, 'Idempotency-Key', 400, {
      ...JSON_TYPE,
      'idempotency-key': key,
    }),
  ),
  put('X-Correlation-Id with a space', { value: {} }, 'X-Correlation-Id', 400, {
    ...JSON_TYPE,
    'x-correlation-id': 'a b',
  }),
];

const PATHS: Case[] = [
  get('NUL in an id', '/v1/sessions/%00', 'id'),
  get('a percent sign alone', '/v1/sessions/%zz', 'url'),
  get('half an escape', '/v1/sessions/%2', 'url'),
  get('an escape of no UTF-8', '/v1/sessions/%ff%fe', 'url'),
  get('a lone surrogate in UTF-8', '/v1/sessions/%ed%a0%80', 'url'),
  get('a way up', '/v1/sessions/..%2f..%2fetc%2fpasswd', undefined, 404),
  get('a way up through a namespace', '/v1/memories/..%2f..%2f/etc', 'namespace'),
  get('a way up without escapes', '/v1/sessions/../../etc/passwd', undefined, 404),
  get('an id of 257 characters', `/v1/sessions/${'x'.repeat(257)}`, 'id'),
  get('an id of 5000 characters', `/v1/sessions/${'x'.repeat(5000)}`, 'url', 414),
  get('an empty segment', '/v1/memories/user::alice/k', 'namespace'),
  get('one segment', '/v1/memories/user/k', 'namespace'),
  get('an unknown scope', '/v1/memories/tenant:x/k', 'namespace'),
  get('a key of 257 characters', `/v1/memories/user:alice/${'x'.repeat(257)}`, 'key'),
  get('NUL in a key', '/v1/memories/user:alice/%00', 'key'),
  get('a line break in a key', '/v1/memories/user:alice/a%0ab', 'key'),
  get('a position that is none', '/v1/audit/events/first', 'position'),
  get('a negative position', '/v1/audit/events/-1', 'position'),
  get('a state key that cannot be printed', '/v1/sessions/s1/state/%07', 'key'),
];

const QUERIES: Case[] = [
  ...['0', '-1', '1001', '1e9', '1.5', 'abc', '', '%20', 'NaN', 'Infinity', '0x10', '99999999999999999999', '1,2'].map(
    (limit) => get(`limit ${limit}`, `/v1/memories?limit=${limit}`, 'limit'),
  ),
  get('a parameter twice', '/v1/memories?limit=10&limit=1000', 'limit'),
  get('a text parameter twice', '/v1/memories?namespace_prefix=user:a&namespace_prefix=user:b', 'namespace_prefix'),
  get('a list for a parameter', '/v1/memories?limit[]=1', 'limit[]'),
  get('an unknown parameter', '/v1/memories?colour=red', 'colour'),
  get('a parameter for SQL', '/v1/sessions?sort=;drop%20table%20audit', 'sort'),
  get('__proto__ for a parameter', '/v1/memories?__proto__=1', '__proto__'),
  get('a parameter where none is taken', '/v1/audit/head?limit=1', 'limit'),
  send('PUT', `${MEMORY}?dry_run=true`, 'a parameter with a write', { value: {} }, 'dry_run'),
  get('a truth value that is none', '/v1/memories?include_deleted=1', 'include_deleted'),
  get('a truth value in capitals', '/v1/memories?include_deleted=TRUE', 'include_deleted'),
  get('a forged cursor', '/v1/memories?cursor=eyJpZCI6MX0', 'cursor'),
  get('an empty cursor', '/v1/memories?cursor=', 'cursor'),
  get('a cursor that is no base64', '/v1/sessions?cursor=%F0%9F%8E%89', 'cursor'),
  get('a cursor of 3000 characters', `/v1/sessions?cursor=${'A'.repeat(3000)}`, 'cursor'),
  get('an unknown type', '/v1/memories?memory_type=vague', 'memory_type'),
  get('an unknown status', '/v1/sessions?status=asleep', 'status'),
  get('an unknown order', '/v1/sessions/s1/events?order=up', 'order'),
  get('an empty prefix', '/v1/memories?namespace_prefix=', 'namespace_prefix'),
  get('a prefix with an empty segment', '/v1/memories?namespace_prefix=user:', 'namespace_prefix'),
  get('NUL in a prefix', '/v1/memories?key_prefix=%00', 'key_prefix'),
  get('a day that is none', '/v1/memories?updated_after=2025-02-30', 'updated_after'),
  get('a month that is none', '/v1/memories?updated_before=2025-13-01', 'updated_before'),
  get('a time in words', '/v1/audit/events?from=yesterday', 'from'),
  get('as of the future', '/v1/memories?as_of=2999-01-01T00:00:00Z', 'as_of'),
  get('as of a place beyond the head', '/v1/memories?as_of=99999999', 'as_of'),
  get('as of a day that is none', `${MEMORY}?as_of=2025-02-30`, 'as_of'),
  get('as of a negative place', '/v1/sessions/s1?as_of=-1', 'as_of'),
  get('as of nothing', '/v1/sessions/s1?as_of=', 'as_of'),
  get('version 0', `${MEMORY}?version=0`, 'version'),
  get('a negative version', `${MEMORY}?version=-1`, 'version'),
  get('a version beyond counting', `${MEMORY}?version=9223372036854775808`, 'version'),
  get('no end of a difference', `${MEMORY}/diff?from=1`, 'to'),
  get('a negative number of events', '/v1/sessions/s1?num_recent_events=-1', 'num_recent_events'),
  get('too many events', '/v1/sessions/s1?num_recent_events=1001', 'num_recent_events'),
  get('a time that is none', '/v1/sessions/s1?after_timestamp=noon', 'after_timestamp'),
  get('a filter that is not JSON', '/v1/memories?filter=%7B', 'filter'),
  get('a filter with an unknown operator', '/v1/memories?filter=%7B%22metadata.a%22%3A%7B%22like%22%3A1%7D%7D'),
  get(
    'a filter of 65 levels',
    `/v1/memories?filter=${encodeURIComponent('{"NOT":'.repeat(70) + '{}' + '}'.repeat(70))}`,
  ),
  get('a depth of 0', '/v1/namespaces?max_depth=0', 'max_depth'),
  get('an id to resume from that is none', '/v1/audit/feed', 'Last-Event-ID', 400, { 'last-event-id': 'x' }),
];

const CASES = [...BODIES, ...FIELDS, ...HEADERS, ...PATHS, ...QUERIES];

describe('Bad input', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    api = client(server);
    await api.post('/v1/sessions').send({ session_id: 's1', app_name: 'a', user_id: 'u' }).expect(201);
    await api
      .put(MEMORY)
      .send({ value: { taste: 'black' } })
      .expect(201);
  });
  afterAll(async () => {
    expect(await server.stop()).toBe(0);
    // Nothing of all this was an error of the server's own.
    expect(server.output()).not.toContain('request-failed');
  });

  const ask = ({ method, path, headers, body }: Case): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const options = { host: '127.0.0.1', port: server.port, method, path, headers: { ...headers, ...length } };
      const call = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({
            status: response.statusCode!,
            headers: response.headers as Record<string, string>,
            body: JSON.parse(text) as Record<string, unknown>,
          });
        });
      });
      call.on('error', reject);
      call.end(body);
    });
  const head = async (): Promise<number> => (await api.get('/v1/audit/head').expect(200)).body.position as number;

  it('R-O8 is thrown in more than 120 ways', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(120);
    expect(new Set(CASES.map(({ method, path, what }) => `${method} ${path} ${what}`)).size).toBe(CASES.length);
  });

  it.each(CASES.map((one) => [`${one.method} ${one.path.slice(0, 60)}: ${one.what}`, one] as const))(
    'R-O8 is refused by name and changes nothing: %s',
    async (_, one) => {
      const before = await head();
      expectProblem(await ask(one), one.status, { field: one.field });
      expect(await head()).toBe(before);
    },
  );

  it('R-O8 of 10 MB in chunks without a length is cut off', async () => {
    const before = await head();
    const status = await new Promise<number | string>((resolve) => {
      const call = request(
        { host: '127.0.0.1', port: server.port, method: 'PUT', path: MEMORY, headers: JSON_TYPE },
        (response) => {
          response.resume();
          resolve(response.statusCode!);
        },
      );
      call.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message));
      for (let n = 0; n < 10; n++) call.write('x'.repeat(1_000_000));
      call.end();
    });
    expect([413, 'ECONNRESET', 'EPIPE']).toContain(status);
    expect(await head()).toBe(before);
  });

  it('R-O8 that ends in the middle of a body harms nobody', async () => {
    const before = await head();
    for (let n = 0; n < 50; n++) {
      const call = request({
        host: '127.0.0.1',
        port: server.port,
        method: 'PUT',
        path: MEMORY,
        headers: { ...JSON_TYPE, 'content-length': '1000' },
      });
      call.on('error', () => undefined);
      await new Promise<void>((resolve) => call.write('{"value":', () => resolve()));
      call.destroy();
    }
    await api.get('/health/ready').expect(200);
    expect(await head()).toBe(before);
  });

  it('R-M1 does not include %, _ and * in a namespace, a method to override, nor 64 levels', async () => {
    for (const [index, namespace] of ['user:100%', 'user:a_b', 'user:*', 'user:a*b'].entries()) {
      await api
        .put(`/v1/memories/${encodeURIComponent(namespace)}/k`)
        .send({ value: { index } })
        .expect(201);
      const { body } = await api.get('/v1/memories').query({ namespace_prefix: namespace }).expect(200);
      expect(body.items).toHaveLength(1);
    }
    await api.get('/v1/sessions/s1').set('X-HTTP-Method-Override', 'DELETE').expect(200);
    const deep = `{"value":{"a":${nested(62)}}}`;
    await api.put('/v1/memories/user:deep/k').set('Content-Type', 'application/json').send(deep).expect(201);
    const { text } = await api.get('/v1/memories/user:deep/k').expect(200);
    expect(text).toContain(nested(62));
  });

  it('R-O8 with many wrong fields names them all, and with very many the first ones', async () => {
    const { body } = await api.post('/v1/sessions').send({ app_name: 7, user_id: '', colour: 1 }).expect(400);
    expect((body.errors as { field: string }[]).map(({ field }) => field).toSorted()).toEqual([
      'app_name',
      'colour',
      'user_id',
    ]);
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`f${n}`, n]));
    const answer = await api.put(MEMORY).send({ value: {}, ...many });
    expectProblem(answer, 400);
    expect(answer.text.length).toBeLessThan(5000);
    const long = await api.put(MEMORY).send({ value: {}, ['x'.repeat(100_000)]: 1 });
    expectProblem(long, 400);
    expect(long.text.length).toBeLessThan(2000);
  });
});
