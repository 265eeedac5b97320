import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/problem.js';
import { exchange, spell, type RawAnswer, type RawRequest } from '../support/raw.js';
import { client, startServer, type TestServer } from '../support/server.js';

/**
 * What somebody sends who means harm. Mistakes are in `bad-input.spec.ts`; here every request tries to get at something:
 * another tenant's memories, the SQL below, the log's order, the parser's blind spots, the server's time.
 */
interface Attack extends RawRequest {
  what: string;
  /** Bytes instead of a request. */
  bytes?: string | Buffer;
  status: number;
  /** Code of the problem; none where the request is answered as the harmless text that it is. */
  code?: string;
  /** An answer that must hold nothing. */
  empty?: true;
}

/** Stands in every memory of the victim, and in every payload that is refused: neither answers nor logs may show it. */
const CANARY = 'canary-5f3759df';
const VICTIM = 'user:victim';
const OWN = '/v1/memories/user:mallory/k';
const JSON_TYPE = 'Content-Type: application/json';

const enc = encodeURIComponent;
const invalid = { status: 400, code: 'invalid-request' };
const absent = { status: 404, code: 'route-not-found' };

const get = (what: string, path: string, expected: Partial<Attack> = {}): Attack =>
  ({
    what,
    path,
    ...(expected.status === undefined ? invalid : {}),
    ...expected,
  }) as Attack;

const send = (what: string, method: string, path: string, body: unknown, expected: Partial<Attack> = {}): Attack => ({
  what,
  method,
  path,
  body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  ...invalid,
  ...expected,
  headers: [
    ...(expected.headers?.some((line) => /^content-type/i.test(line)) ? [] : [JSON_TYPE]),
    ...(expected.headers ?? []),
  ],
});

const put = (what: string, body: unknown, expected?: Partial<Attack>): Attack => send(what, 'PUT', OWN, body, expected);

const search = (what: string, query: string, mode: 'keyword' | 'hybrid' = 'keyword'): Attack =>
  send(
    what,
    'POST',
    '/v1/memories/search',
    { query, mode, namespace_prefix: 'user:mallory' },
    { status: 200, code: undefined, empty: true },
  );

const list = (
  what: string,
  query: string,
  expected: Partial<Attack> = { status: 200, code: undefined, empty: true },
): Attack => get(what, `/v1/memories?${query}`, expected);

const HARMLESS = { status: 200, code: undefined, empty: true } as const;

const filtered = (what: string, filter: unknown, expected: Partial<Attack> = invalid): Attack =>
  list(
    what,
    `namespace_prefix=user:mallory&filter=${enc(typeof filter === 'string' ? filter : JSON.stringify(filter))}`,
    expected,
  );

const bytes = (what: string, text: string | Buffer, expected: Partial<Attack> = invalid): Attack => ({
  what,
  bytes: text,
  ...invalid,
  ...expected,
});

const HEAD = 'Host: 127.0.0.1\r\nConnection: close\r\n';
const PUT_LINE = `PUT ${OWN} HTTP/1.1\r\n${HEAD}${JSON_TYPE}\r\n`;
const BODY = `{"value":{"t":"${CANARY}"}}`;
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const FRAMING: Attack[] = [
  bytes('two lengths that differ', `${PUT_LINE}Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}`),
  bytes('a length and chunks', `${PUT_LINE}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  bytes('chunks and a length', `${PUT_LINE}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`),
  bytes('chunks that are not the last coding', `${PUT_LINE}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`),
  bytes('a coding that nobody knows', `${PUT_LINE}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`),
  bytes('two codings', `${PUT_LINE}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`),
  bytes('a negative length', `${PUT_LINE}Content-Length: -1\r\n\r\n`),
  bytes('a length with a sign', `${PUT_LINE}Content-Length: +2\r\n\r\n{}`),
  bytes('a length in hex', `${PUT_LINE}Content-Length: 0x2\r\n\r\n{}`),
  bytes('a length beyond counting', `${PUT_LINE}Content-Length: 99999999999999999999\r\n\r\n{}`),
  bytes('a list of lengths', `${PUT_LINE}Content-Length: 2, 2\r\n\r\n{}`),
  bytes('a chunk without a size', `${PUT_LINE}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`),
  bytes('a chunk of more than there is', `${PUT_LINE}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n`),
  bytes('a header name with a space', `GET /v1/memories HTTP/1.1\r\n${HEAD}X Y: 1\r\n\r\n`),
  bytes('a space before the colon', `${PUT_LINE}Content-Length : 2\r\n\r\n{}`),
  bytes('a folded header', `GET /v1/memories HTTP/1.1\r\n${HEAD}X-A: 1\r\n\tX-B: 2\r\n\r\n`),
  bytes('NUL in a header', `GET /v1/memories HTTP/1.1\r\n${HEAD}X-A: a\0b\r\n\r\n`),
  bytes('a bare carriage return in a header', `GET /v1/memories HTTP/1.1\r\n${HEAD}X-A: a\rX-B: b\r\n\r\n`),
  bytes('a header without a colon', `GET /v1/memories HTTP/1.1\r\n${HEAD}X-A\r\n\r\n`),
  bytes('a method that nobody knows', `STEAL /v1/memories HTTP/1.1\r\n${HEAD}\r\n`),
  bytes('a version of HTTP to come', `GET /v1/memories HTTP/9.9\r\n${HEAD}\r\n`),
  bytes('HTTP/0.9', 'GET /v1/memories\r\n\r\n'),
  bytes('HTTP/2 without being asked', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  bytes('TLS', Buffer.from('16030100c8010000c403036f', 'hex')),
  bytes('no HTTP at all', Buffer.from([0, 255, 10, 13, 0, 1, 2, 3, 13, 10])),
  bytes('a space in the target', `GET /v1/memories ?limit=1 HTTP/1.1\r\n${HEAD}\r\n`),
  bytes('no host', 'GET /v1/memories HTTP/1.1\r\nConnection: close\r\n\r\n'),
  bytes('two hosts', `GET /v1/memories HTTP/1.1\r\n${HEAD}Host: evil.example\r\n\r\n`),
  bytes('an expectation that nobody has', `${PUT_LINE}Expect: 200-maybe\r\nContent-Length: 2\r\n\r\n{}`, {
    status: 417,
    code: 'request-refused',
  }),
  bytes('20 KB of headers', `GET /v1/memories HTTP/1.1\r\n${HEAD}X-A: ${'a'.repeat(20_000)}\r\n\r\n`, {
    status: 431,
    code: 'headers-too-large',
  }),
  bytes('3,000 headers', `GET /v1/memories HTTP/1.1\r\n${HEAD}${'A:1\r\n'.repeat(3_000)}\r\n`, {
    status: 431,
    code: 'headers-too-large',
  }),
  bytes('a URL of 20 KB', `GET /v1/memories?cursor=${'a'.repeat(20_000)} HTTP/1.1\r\n${HEAD}\r\n`, {
    status: 431,
    code: 'headers-too-large',
  }),
  bytes('a host of another name', `GET http://evil.example/v1/secrets HTTP/1.1\r\n${HEAD}\r\n`, absent),
  bytes('a target of all', `OPTIONS * HTTP/1.1\r\n${HEAD}\r\n`, absent),
  get('a body with a question', '/v1/memories', { ...invalid, body: BODY }),
  get('a body in a health check', '/health/live', { ...invalid, body: BODY }),
];

const METHODS: Attack[] = [
  ...['TRACE', 'OPTIONS', 'PATCH', 'DELETE'].map((method) =>
    get(`the method ${method}`, '/v1/memories', { status: 405, code: 'method-not-allowed', method }),
  ),
  ...['PROPFIND', 'SEARCH', 'LOCK', 'CONNECT'].map((method) =>
    get(`the method ${method}`, '/v1/memories', { status: 501, code: 'method-not-implemented', method }),
  ),
  get('a method of another path', '/v1/nothing', { ...absent, method: 'DELETE' }),
  get('a tunnel', '169.254.169.254:80', { status: 501, code: 'method-not-implemented', method: 'CONNECT' }),
  send(
    'another method in a header',
    'POST',
    '/v1/memories/user:victim/k',
    {},
    { status: 405, code: 'method-not-allowed', headers: ['X-HTTP-Method-Override: DELETE'] },
  ),
  send(
    'another method in the query',
    'POST',
    '/v1/memories/user:victim/k?_method=DELETE',
    {},
    {
      status: 405,
      code: 'method-not-allowed',
    },
  ),
];

const HEADERS: Attack[] = [
  put('two content types', BODY, { headers: ['Content-Type: application/json', 'Content-Type: text/plain'] }),
  put('two idempotency keys', BODY, { headers: ['Idempotency-Key: a', 'Idempotency-Key: b'] }),
  put('two versions to match', BODY, { headers: ['If-Match: "1"', 'If-Match: "2"'] }),
  put('two correlation ids', BODY, { headers: ['X-Correlation-Id: a', 'X-Correlation-Id: b'] }),
  put('a version in hex', BODY, { headers: ['If-Match: "0x1"'] }),
  put('a weak version', BODY, { headers: ['If-Match: W/"1"'] }),
  put('any version', BODY, { headers: ['If-Match: *'] }),
  put('the version of what is not there', BODY, { headers: ['If-Match: "7"'], status: 412, code: 'version-conflict' }),
  put('a version with SQL', BODY, { headers: [`If-Match: "1' OR 1=1 --"`] }),
  put('an idempotency key with a letter that is none', BODY, { headers: ['Idempotency-Key: \x7f'] }),
  put('an idempotency key of 256 characters', BODY, { headers: [`Idempotency-Key: ${'k'.repeat(256)}`] }),
  put('a bomb of gzip', Buffer.from('1f8b0800000000000003', 'hex'), {
    headers: ['Content-Encoding: gzip'],
    status: 415,
    code: 'unsupported-media-type',
  }),
  put('a coding within a coding', BODY, {
    headers: ['Content-Encoding: identity, br'],
    status: 415,
    code: 'unsupported-media-type',
  }),
  put('the charset of another time', BODY, {
    headers: ['Content-Type: application/json; charset=utf-16'],
    status: 415,
    code: 'unsupported-media-type',
  }),
  put('two charsets', BODY, {
    headers: ['Content-Type: application/json; charset=utf-8; charset=utf-7'],
    status: 415,
    code: 'unsupported-media-type',
  }),
  put('a type that only begins like JSON', BODY, {
    headers: ['Content-Type: application/jsonp'],
    status: 415,
    code: 'unsupported-media-type',
  }),
  put('XML', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', {
    headers: ['Content-Type: application/xml'],
    status: 415,
    code: 'unsupported-media-type',
  }),
  get('a place in the feed that is not there yet', '/v1/audit/feed', {
    ...invalid,
    headers: ['Last-Event-ID: 999999999'],
  }),
  get('a place in the feed below all', '/v1/audit/feed', { ...invalid, headers: ['Last-Event-ID: -1'] }),
  get('a place in the feed as SQL', '/v1/audit/feed', { ...invalid, headers: ['Last-Event-ID: 1 OR 1=1'] }),
  get('another user in headers', `/v1/memories/user:nobody/k`, {
    status: 404,
    code: 'memory-not-found',
    headers: [
      'X-Forwarded-For: 127.0.0.1',
      'X-User-Id: victim',
      'X-Tenant: victim',
      'X-Real-IP: ::1',
      'Forwarded: for=127.0.0.1;host=evil',
    ],
  }),
  get('another route in headers', '/v1/nothing', {
    ...absent,
    headers: ['X-Original-URL: /v1/memories', 'X-Rewrite-URL: /v1/memories'],
  }),
  list('a request id with a line break in it', 'namespace_prefix=user:mallory', {
    status: 200,
    code: undefined,
    empty: true,
    headers: [`X-Request-Id: a%0d%0a${CANARY}"}`],
  }),
  list('a list of 3,000 tags', 'namespace_prefix=user:mallory', {
    status: 200,
    code: undefined,
    empty: true,
    headers: [`If-None-Match: ${'"a",'.repeat(3_000)}"b"`],
  }),
];

const BODIES: Attack[] = [
  put('a mark before the text', Buffer.from(`\ufeff${BODY}`)),
  put('UTF-16 with its mark', Buffer.from(`\ufeff${BODY}`, 'utf16le')),
  put('UTF-16 without a mark', Buffer.from(BODY, 'utf16le')),
  put('UTF-32', Buffer.from([...BODY].flatMap((letter) => [letter.charCodeAt(0), 0, 0, 0]))),
  put(
    'a letter spelled in too many bytes',
    Buffer.from([...Buffer.from('{"value":{"t":"'), 0xc0, 0xaf, ...Buffer.from('"}}')]),
  ),
  put('half of a letter at the end', Buffer.from([...Buffer.from('{"value":{"t":"'), 0xf0, 0x9f])),
  put(
    'a surrogate in UTF-8',
    Buffer.from([...Buffer.from('{"value":{"t":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}}')]),
  ),
  put('a surrogate that is alone', '{"value":{"t":"\\udc00"}}'),
  put('surrogates the wrong way round', '{"value":{"t":"\\udc00\\ud800"}}'),
  put('a surrogate in a name', '{"value":{"\\ud800":1}}'),
  put('NUL in a text', '{"value":{"t":"a\\u0000b"}}'),
  put('NUL as a byte', Buffer.from('{"value":{"t":"a\0b"}}')),
  put('NUL after the text', Buffer.from(`${BODY}\0`)),
  put('a name twice', `{"value":{},"value":{"t":"${CANARY}"}}`),
  put('a name twice, spelled otherwise', `{"value":{},"v\\u0061lue":{"t":"${CANARY}"}}`),
  put('a name twice, deep inside', '{"value":{"a":{"b":[{"c":1,"c":2}]}}}'),
  put('__proto__ twice', '{"value":{"__proto__":1,"__proto__":2}}'),
  put('a prototype', '{"value":{"__proto__":{"admin":true}}}'),
  put('a prototype in a list in a list', '{"value":{"a":[[{"__proto__":{"admin":true}}]]}}'),
  put('the prototype of a constructor', '{"value":{"constructor":{"prototype":{"admin":true}}}}'),
  put('a prototype for metadata', '{"value":{},"metadata":{"a":{"__proto__":{"admin":true}}}}'),
  put('a prototype for the body', '{"__proto__":{"value":{}}}'),
  put('65 levels', `{"value":{"a":${nested(63)}}}`),
  put('100,000 levels', `{"value":{"a":${nested(100_000)}}}`),
  put('500,000 levels without an end', `{"value":${'['.repeat(500_000)}`),
  put('100,000 objects in each other', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
  put('1e400', '{"value":{"n":1e400}}'),
  put('-1e400', '{"value":{"n":-1e400}}'),
  put('2^53 + 1', '{"value":{"n":9007199254740993}}'),
  put('a number of 100,000 digits', `{"value":{"n":${'9'.repeat(100_000)}}}`),
  put('a number that begins with zeros', '{"value":{"n":007}}'),
  put('a text over two lines', '{"value":{"t":"a\nb"}}'),
  put('a body above 1 MiB', `{"value":{"t":"${'x'.repeat(1_048_576)}"}}`, { status: 413, code: 'body-too-large' }),
  put('a hundred thousand wrong fields', `{${Array.from({ length: 60_000 }, (_, n) => `"f${n}":1`).join()}}`),
  put('fields of the server', { value: {}, id: 1, version: 9, created_at: '2020-01-01T00:00:00Z' }),
  put('an owner', { value: {}, owner: 'user:victim' }),
  put('another namespace in the body', { value: {}, namespace: VICTIM }),
  put('a function for a value', '{"value":function(){}}'),
  put('a comment', '{"value":{}/* */}'),
  put('NaN', '{"value":{"n":NaN}}'),
  send('a line of another stream', 'POST', '/v1/memories/import', `{"namespace":"${VICTIM}"}\u2028{}`, {
    headers: ['Content-Type: application/x-ndjson'],
  }),
  send('a line that is a list', 'POST', '/v1/memories/import', '[]', {
    headers: ['Content-Type: application/x-ndjson'],
  }),
  send(
    'a line with a prototype',
    'POST',
    '/v1/memories/import',
    '{"namespace":"user:mallory","key":"k","value":{"__proto__":{}}}',
    { headers: ['Content-Type: application/x-ndjson'] },
  ),
  send(
    'a line of 2 MB',
    'POST',
    '/v1/memories/import',
    `{"namespace":"user:mallory","key":"k","value":{"t":"${'x'.repeat(2_000_000)}"}}`,
    { headers: ['Content-Type: application/x-ndjson'], status: 413, code: 'body-too-large' },
  ),
];

const NAMES: Attack[] = [
  ...(
    [
      ['a full-width colon', 'user：victim'],
      ['a ratio for a colon', 'user∶victim'],
      ['a scope in Cyrillic', 'usеr:victim'],
      ['a scope in full width', 'ｕｓｅｒ:victim'],
      ['a scope in capitals', 'USER:victim'],
      ['a scope with a Turkish i', 'sessıon:s'],
      ['a way up', '../app:x'],
      ['an invisible space', 'user:vic\u200btim'],
      ['a word joiner', 'user:vic\u2060tim'],
      ['a soft hyphen', 'user:vic\u00adtim'],
      ['text from right to left', 'user:\u202emitciv'],
      ['an isolate', 'user:\u2066victim'],
      ['a byte order mark', 'user:\ufeffvictim'],
      ['a non-breaking space at the end', 'user:victim\u00a0'],
      ['an ideographic space at the beginning', 'user:\u3000victim'],
      ['a line separator', 'user:vic\u2028tim'],
      ['a tab', 'user:vic\ttim'],
      ['a delete', 'user:vic\x7ftim'],
      ['tags that nobody sees', 'user:victim\u{e0041}'],
      ['a variation selector', 'user:victim\ufe0f'],
      ['a combining grapheme joiner', 'user:vic\u034ftim'],
      ['a Hangul filler', 'user:vic\u3164tim'],
      ['letters that are not composed', 'user:rene\u0301'],
      ['what is never kept', 'temp:victim'],
    ] as const
  ).map(([what, namespace]) =>
    send(`a namespace with ${what}`, 'POST', '/v1/memories', { namespace, key: 'k', value: { t: CANARY } }),
  ),
  send('a key with letters that are not composed', 'POST', '/v1/memories', {
    namespace: 'user:mallory',
    key: 'cafe\u0301',
    value: {},
  }),
  send('a key of 257 characters', 'POST', '/v1/memories', {
    namespace: 'user:mallory',
    key: 'k'.repeat(257),
    value: {},
  }),
  send('a user of two segments', 'POST', '/v1/sessions', { app_name: 'a', user_id: 'mallory:admin\u200b' }),
  send('a user with a line break', 'POST', '/v1/sessions', { app_name: 'a', user_id: 'mallory\n{"level":"error"}' }),
  send(
    'a published secret',
    'POST',
    '/v1/memories/publish',
    { from_namespace: 'user:nobody', to_namespace: 'user:mallory', key: 'k' },
    { status: 404, code: 'memory-not-found' },
  ),
  send(
    'a session of somebody else',
    'PUT',
    OWN,
    { value: {}, session_id: 'of-nobody' },
    { status: 409, code: 'unknown-session' },
  ),
];

const SCOPES: Attack[] = [
  list('% for a prefix', `namespace_prefix=${enc('user:%')}`),
  list('_ for a letter', `namespace_prefix=${enc('user:victi_')}`),
  list('* for a prefix', `namespace_prefix=${enc('user:*')}`),
  list('half of a name', 'namespace_prefix=user:vic'),
  list('a name in capitals', 'namespace_prefix=user:VICTIM'),
  list('the sign after the colon', `namespace_prefix=${enc('user;')}`),
  list('SQL for a prefix', `namespace_prefix=${enc("user:x' OR '1'='1")}`),
  list('SQL for a key', `namespace_prefix=user:mallory&key_prefix=${enc("' UNION SELECT * FROM audit --")}`),
  list('% for a key', `namespace_prefix=user:mallory&key_prefix=${enc('%')}`),
  list('SQL for a writer', `namespace_prefix=user:mallory&created_by=${enc("x' OR 1=1 --")}`),
  list('a prefix that is a range', `namespace_prefix=${enc('user:a..user:z')}`),
  list('an empty prefix', 'namespace_prefix=', invalid),
  list('a colon alone', 'namespace_prefix=:', invalid),
  list('two prefixes', 'namespace_prefix=user:mallory&namespace_prefix=user:victim', invalid),
  list('two prefixes in one', `namespace_prefix=${enc('user:mallory,user:victim')}`),
  list('a prefix in brackets', 'namespace_prefix[]=user:victim', invalid),
  list('a parameter after a semicolon', 'namespace_prefix=user:mallory;namespace_prefix=user:victim'),
  list('a parameter in capitals', 'Namespace_Prefix=user:victim', invalid),
  list('a parameter with NUL', 'namespace_prefix%00=user:victim', invalid),
  list(
    'a parameter spelled in escapes, and again',
    'namespace_prefix=user:mallory&%6eamespace_prefix=user:victim',
    invalid,
  ),
  list('an order that is none', 'namespace_prefix=user:mallory&sort=value', invalid),
  list('fields that are none', 'namespace_prefix=user:mallory&fields=__proto__', invalid),
  get('SQL for a segment of a name', `/v1/namespaces?prefix=${enc("user') --")}`, { status: 200, empty: true }),
  get('a wildcard within a segment', `/v1/namespaces?prefix=${enc('user:vict*')}`, { status: 200, empty: true }),
  get('an export of %', `/v1/memories/export?namespace_prefix=${enc('user:%')}`, { status: 200, empty: true }),
];

const FILTERS: Attack[] = [
  filtered('a field with SQL', { "metadata.a') OR 1=1 --": 1 }, HARMLESS),
  filtered('a field with a quotation mark', { 'metadata.a"."b': 1 }),
  filtered('a field with a bracket', { 'metadata.a[0]': 1 }, HARMLESS),
  filtered('a field with a wildcard', { 'metadata.*': 1 }, HARMLESS),
  filtered('a field with a dollar', { 'metadata.$': 1 }),
  filtered('a field without a name', { 'metadata.': 1 }),
  filtered('a field with an empty name inside', { 'metadata.a..b': 1 }),
  filtered('a field with a backslash', { 'metadata.a\\"': 1 }),
  filtered('a column of the table', { envelope: 1 }, HARMLESS),
  filtered('a column of the log', { 'audit.data': 1 }, HARMLESS),
  filtered('a prototype', '{"__proto__":{"eq":1}}'),
  filtered('a constructor', '{"constructor":{"eq":1}}', HARMLESS),
  filtered('what every object has', { toString: { exists: true } }, HARMLESS),
  filtered('an operator that every object has', { key: { hasOwnProperty: 1 } }),
  filtered('an operator of another database', { key: { $where: 'sleep(10000)' } }),
  filtered('a regular expression', { key: { $regex: '(a+)+$' } }),
  filtered('an operator in an operator', { key: { eq: { $gt: '' } } }, { status: 200, code: undefined, empty: true }),
  filtered('SQL for a value', { key: "' OR '1'='1" }, { status: 200, code: undefined, empty: true }),
  filtered('SQL for a part of a value', { key: { contains: "%' --" } }, { status: 200, code: undefined, empty: true }),
  filtered(
    'what is always true',
    { OR: [{ namespace: { contains: 'victim' } }, { key: { exists: true } }] },
    { status: 200, code: undefined, empty: true },
  ),
  filtered('201 conditions', { AND: Array.from({ length: 201 }, () => ({ key: 'k' })) }),
  filtered('201 values', { key: { in: Array.from({ length: 201 }, String) } }),
  filtered('70 levels', '{"NOT":'.repeat(70) + '{}' + '}'.repeat(70)),
  filtered('a name twice', '{"key":"a","key":"b"}'),
  filtered('nothing', ''),
  filtered('null', 'null'),
  filtered('a number beyond all', '{"key":{"gt":1e999}}'),
];

const WORDS: Attack[] = [
  search('a quotation mark', '"'),
  search('three quotation marks', '"""'),
  search('a star', '*'),
  search('a word and a star', 'cana*'),
  search('NEAR', 'NEAR(canary victim, 5)'),
  search('operators', 'AND OR NOT'),
  search('a column', 'value:canary'),
  search('a column that is not there', 'nosuch:hello'),
  search('columns in braces', '{value key}:canary'),
  search('the beginning of a column', '^canary'),
  search('a minus', '-canary'),
  search('a plus', 'a + b +'),
  search('a parenthesis', '('),
  search('3,000 parentheses', '('.repeat(3_000)),
  search('SQL', "'; DROP TABLE audit; --"),
  search('SQL in a quotation', '" OR rowid IN (SELECT rowid FROM memory_words) --'),
  search('5,000 words', 'ab '.repeat(3_300)),
  search('one word of 10,000 letters', 'a'.repeat(10_000)),
  search('signs alone', '!@#$%^&*()[]{}<>?/|~`'),
  search('letters with 500 marks', `e${'\u0301'.repeat(500)}`),
  search('flags, families and joiners', '👨‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿'),
  search('a bomb for regular expressions', `${'a'.repeat(5_000)}!`, 'hybrid'),
  search('a bomb of digits and dots', '1.'.repeat(4_000), 'hybrid'),
  search('a bomb of spaces', ` x${' '.repeat(9_000)}y`, 'hybrid'),
  send('a blank', 'POST', '/v1/memories/search', { query: '\u3000 \t' }),
  send('NUL', 'POST', '/v1/memories/search', { query: 'a\0b' }),
  send('10,001 letters', 'POST', '/v1/memories/search', { query: 'a'.repeat(10_001) }),
  send('a million results', 'POST', '/v1/memories/search', { query: 'a', limit: 1_000_000 }),
  send('weights of nothing', 'POST', '/v1/memories/search', { query: 'a', weights: { semantic: 0, keyword: 0 } }),
  send('a threshold that is none', 'POST', '/v1/memories/search', '{"query":"a","threshold":NaN}'),
  send('21 searches that hold up the writer', 'POST', '/v1/memories/batch', {
    operations: Array.from({ length: 21 }, () => ({ op: 'search', query: 'a' })),
  }),
  send('1,001 operations', 'POST', '/v1/memories/batch', {
    operations: Array.from({ length: 1_001 }, () => ({ op: 'list_namespaces' })),
  }),
  send(
    'a path in a search',
    'POST',
    '/v1/documents/search',
    { query: 'a', path_prefix: '../../%' },
    { status: 200, code: undefined, empty: true },
  ),
];

const FORGED: Attack[] = [
  list('a made-up cursor', `cursor=${Buffer.from('[1]').toString('base64url')}`, invalid),
  list('a cursor with a seal of zeros', `cursor=${Buffer.from(`${'0'.repeat(12)}[0]`).toString('base64url')}`, invalid),
  list('a cursor as JSON', `cursor=${enc('{"id":0}')}`, invalid),
  list('a cursor of a megabyte, nearly', `cursor=${'A'.repeat(10_000)}`, invalid),
  get('feedback on a search that was none', '/v1/search/none/feedback', {
    method: 'POST',
    headers: [JSON_TYPE],
    body: '{"result_id":1,"signal":"click"}',
    status: 404,
    code: 'search-not-found',
  }),
  get('feedback with a forged seal', `/v1/search/${'A'.repeat(200)}/feedback`, {
    method: 'POST',
    headers: [JSON_TYPE],
    body: '{"result_id":1,"signal":"click"}',
    status: 404,
    code: 'search-not-found',
  }),
  get('a proof of what is not there', '/v1/audit/events/999999999/proof', { status: 404, code: 'entry-not-found' }),
  get('a proof of nothing', '/v1/audit/events/0/proof', { status: 404, code: 'entry-not-found' }),
  get('a proof of the future', '/v1/audit/consistency?from=1&to=999999999', invalid),
  get('a proof backwards', '/v1/audit/consistency?from=3&to=1', invalid),
  get('the operation __proto__', '/v1/operations/__proto__', { status: 404, code: 'operation-not-found' }),
  send('a revert of nothing', 'POST', '/v1/operations/none/revert', '', { status: 404, code: 'operation-not-found' }),
  send('a claim with a time of one’s own', 'POST', '/v1/tasks/claim', { agent_id: 'a', time: '2999-01-01T00:00:00Z' }),
  send('an event with a place in the log', 'POST', '/v1/sessions/s1/events', {
    event_type: 'message',
    actor: 'user',
    content: {},
    position: 1,
  }),
  send('an event with a hash', 'POST', '/v1/sessions/s1/events', {
    event_type: 'message',
    actor: 'user',
    content: {},
    entry_hash: 'ff',
  }),
  send(
    'a task that waits for itself',
    'POST',
    '/v1/tasks',
    { task_id: 't', prompt: 'p', dependencies: ['t'] },
    invalid,
  ),
  send('a task that waits for a thousand', 'POST', '/v1/tasks', {
    prompt: 'p',
    dependencies: Array.from({ length: 1_001 }, String),
  }),
  send('a task beyond all others', 'POST', '/v1/tasks', { prompt: 'p', priority: -1 }),
  send('a context without end', 'POST', '/v1/context', { session_id: 's1', token_budget: 1e9 }),
];

const PATHS: Attack[] = [
  get('a way up', '/v1/../etc/passwd', absent),
  get('a way up in escapes', '/v1/%2e%2e/%2e%2e/etc/passwd', absent),
  get('a way up out of the page for people', '/docs/../../package.json', { status: 403, code: 'request-refused' }),
  get('a way up out of the page in escapes', '/docs/..%2f..%2fpackage.json', absent),
  get('a way up out of the page, twice escaped', '/docs/%252e%252e%252fpackage.json', absent),
  get('a way up with a semicolon', '/docs/..;/package.json', absent),
  get('a file of the database', '/data/abathur.db', absent),
  get('a file with a dot', '/.git/config', absent),
  get('two slashes', '//v1/memories', absent),
  get('a slash at the end', '/v1/memories/', absent),
  get('a backslash', '/v1\\memories', absent),
  get('another case', '/V1/Memories', absent),
  get('NUL in a name', '/v1/sessions/%00'),
  get('NUL after a name', '/v1/memories/user:victim/k%00'),
  get('an escape of nothing', '/v1/sessions/%zz'),
  get('UTF-8 that is too long', '/v1/sessions/%c0%af'),
  get('UTF-16 escapes', '/v1/sessions/%u0041'),
  get('a key of 5,000 characters', `/v1/memories/user:victim/${'k'.repeat(5_000)}`, {
    status: 414,
    code: 'uri-too-long',
  }),
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty'].map((name) =>
    get(`the state ${name}`, `/v1/sessions/s1/state/${name}`, { status: 404 }),
  ),
  get('the state of a task by a name of all objects', '/v1/tasks/t1/state/valueOf', { status: 404 }),
  ...['__proto__', 'sqlite_schema', "x'; DROP TABLE audit; --", '..%2f..%2fetc'].map((name) =>
    get(`the projection ${name}`, `/v1/admin/projections/${enc(name)}/parked`, { status: 404 }),
  ),
  send('a rebuild of a table of SQLite', 'POST', '/v1/admin/projections/sqlite_schema/rebuild', '', {
    status: 404,
    code: 'projection-not-found',
  }),
  ...[
    '../etc/passwd',
    '/../etc/passwd',
    'a/../../b.md',
    'a//b.md',
    './a.md',
    'a/./b.md',
    'a\0.md',
    'a\n.md',
    'a\u202e.md',
  ].map((file_path) =>
    send(`a document at ${JSON.stringify(file_path)}`, 'PUT', '/v1/documents', { file_path, content: CANARY }),
  ),
  ...['/etc', '..', '/proc/self', 'file:///etc'].map((directory) =>
    send(`the directory ${directory}`, 'POST', '/v1/documents/sync', { directory }),
  ),
  send(
    'a document above 1 MiB',
    'PUT',
    '/v1/documents',
    { file_path: 'a.md', content: 'x'.repeat(1_048_576) },
    { status: 413, code: 'body-too-large' },
  ),
];

const ATTACKS = { FRAMING, METHODS, HEADERS, BODIES, NAMES, SCOPES, FILTERS, WORDS, FORGED, PATHS };
const ALL = Object.entries(ATTACKS).flatMap(([group, attacks]) =>
  attacks.map((attack) => [`${group.toLowerCase()}: ${attack.what}`, attack] as const),
);

describe('A request that means harm', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off', ABATHUR_LOG_LEVEL: 'trace' });
    api = client(server);
    await api.post('/v1/sessions').send({ session_id: 's1', app_name: 'a', user_id: 'u' }).expect(201);
    await api.post('/v1/tasks').send({ task_id: 't1', prompt: 'p' }).expect(201);
    for (const key of ['k', 'secret'])
      await api
        .put(`/v1/memories/${VICTIM}/${key}`)
        .send({ value: { t: CANARY, canary: 'victim' } })
        .expect(201);
  });
  afterAll(async () => {
    expect(await server.stop()).toBe(0);
    const printed = server.output();
    expect(printed).not.toContain('request-failed');
    expect(printed).not.toContain(CANARY);
  });

  const head = async (): Promise<number> => (await api.get('/v1/audit/head').expect(200)).body.position as number;

  it('R-O8 comes in more than 150 kinds, no two alike', () => {
    expect(ALL.length).toBeGreaterThanOrEqual(150);
    expect(new Set(ALL.map(([name]) => name)).size).toBe(ALL.length);
  });

  it.each(ALL)('R-O8 gets what it is due, and nothing else – %s', async (_, attack) => {
    const before = await head();
    const answer = await exchange(server.port, attack.bytes ?? spell(attack));
    expect(answer).toBeDefined();
    expectDue(answer!, attack);
    expect(await head()).toBe(before);
  });
});

describe('A request that takes its time', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off', ABATHUR_REQUEST_TIMEOUT_MS: '300' });
  });
  afterAll(() => server.stop());

  it.each([
    ['headers', 'GET /v1/memories HTTP/1.1\r\nHost: a\r\n'],
    ['a body', `${PUT_LINE}Content-Length: 1000\r\n\r\n{"value":`],
    ['chunks', `${PUT_LINE}Transfer-Encoding: chunked\r\n\r\n5\r\n{"val\r\n`],
  ])('R-O8 with its %s is told so, and nobody waits for it', async (_, begun) => {
    const slow = exchange(server.port, begun);
    expect((await client(server).get('/health/live')).status).toBe(200);
    const answer = await slow;
    expectProblem({ ...answer, body: JSON.parse(answer!.text) as object }, 408, { code: 'request-timeout' });
  });
});

function expectDue({ status, headers, text }: RawAnswer, { status: due, code, empty }: Attack): void {
  expect(text).not.toContain(CANARY);
  expect(text.length).toBeLessThan(20_000);
  expect({ status, rows: empty ? rowsIn(text) : [] }).toEqual({ status: due, rows: [] });
  if (due >= 400) expectProblem({ status, headers, body: JSON.parse(text) as object }, due, { code });
}

function rowsIn(text: string): unknown[] {
  if (text === '') return [];
  const { items, results } = JSON.parse(text) as { items?: unknown[]; results?: unknown[] };
  return items ?? results ?? [text];
}
