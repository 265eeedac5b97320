import * as fc from 'fast-check';
import type { ApiDocument, Operation, Schema } from './openapi.js';

/** A request as it is drawn: `$known(…)` in it stands for something that the server has told of before. */
export interface DrawnRequest {
  operation: Operation;
  /** Values of the path's parameters, not yet encoded. */
  path: Record<string, string>;
  query: [name: string, value: string][];
  headers: Record<string, string>;
  body?: string;
  /** What was done to it to make it wrong; nothing, when it is as the document describes it. */
  mutation?: string;
}

/** A name that is looked up when the request is sent: the n-th that answers of this kind have given. */
export const KNOWN = /\$known\(([\w-]+),(\d+)\)/g;
const known = (kind: string): fc.Arbitrary<string> => fc.nat(40).map((n) => `$known(${kind},${n})`);

const oneOf = fc.constantFrom;
const names = (name: string): fc.Arbitrary<string> => oneOf(`${name}1`, `${name}2`, `${name}3`);
const NAMESPACES = ['user:fuzz', 'user:fuzz:notes', 'session:fuzz1', 'project:fuzz', 'app:fuzz'];
const moments = oneOf('1', '7', '30', '2026-01-01T00:00:00Z', '2099-12-31T23:59:59.999Z', '2020-02-29');
const words = oneOf('green tea', 'harbour', 'the letter', 'Ärger über 茶', 'a', 'tea OR NOT "tea"', '👩‍👩‍👧');

/** What a field of this name holds when somebody means it: the document knows types, not which names exist. */
const MEANT: Record<string, fc.Arbitrary<unknown>> = {
  namespace: oneOf(...NAMESPACES),
  from_namespace: oneOf(...NAMESPACES),
  to_namespace: oneOf(...NAMESPACES),
  namespace_prefix: oneOf('user:fuzz', 'project:fuzz', 'session:fuzz1', 'user'),
  prefix: oneOf('user:fuzz', 'user', 'app'),
  suffix: oneOf('notes', 'fuzz'),
  key: names('k'),
  key_prefix: oneOf('k', 'k1'),
  session_id: fc.oneof(names('fuzz'), known('sessions')),
  user_id: oneOf('fuzz'),
  app_name: oneOf('fuzz'),
  project_id: oneOf('fuzz'),
  task_id: fc.oneof(names('t'), known('tasks')),
  parent_task_id: names('t'),
  dependencies: fc.array(names('t'), { maxLength: 2 }),
  agent_id: names('a'),
  agent_type: oneOf('general', 'writer'),
  memory_id: fc.integer({ min: 1, max: 60 }),
  memory_entry_id: fc.integer({ min: 1, max: 60 }),
  result_id: fc.integer({ min: 1, max: 60 }),
  search_id: known('searches'),
  correlation_id: known('correlations'),
  iteration: oneOf('1', '2', '7'),
  position: fc.integer({ min: 1, max: 40 }).map(String),
  version: fc.integer({ min: 1, max: 4 }),
  at_version: fc.integer({ min: 1, max: 4 }),
  from: fc.integer({ min: 1, max: 9 }),
  to: fc.integer({ min: 9, max: 20 }),
  after: fc.integer({ min: 0, max: 30 }),
  as_of: moments,
  after_timestamp: moments,
  updated_after: moments,
  updated_before: moments,
  since: moments,
  until: moments,
  timestamp: oneOf('2026-01-01T00:00:00Z'),
  outcome_namespace: oneOf('user:fuzz', 'project:fuzz'),
  filter: oneOf('{"metadata.n":{"gt":1}}', '{"OR":[{"key":"k1"},{"NOT":{"key":{"contains":"k"}}}]}', '{}'),
  query: words,
  text: words,
  file_path: oneOf('fuzz/a.md', 'fuzz/b.md'),
  path_prefix: oneOf('fuzz'),
  directory: oneOf('fuzz'),
  content: words,
  schedule: oneOf('30 3 * * *', '*/5 * * * *'),
  stream: oneOf('memory:user%3Afuzz:k1', 'session:fuzz1'),
  expires_at: moments,
  reason: words,
};

/** What is taken away belongs to nobody else: with the first request of its kind, nothing would be left to ask for. */
const GONE: Record<string, fc.Arbitrary<unknown>> = {
  id: names('gone'),
  user_id: oneOf('gone'),
  session_id: names('gone'),
  namespace_prefix: oneOf('user:gone', 'user:gone:notes'),
};
const TAKES_AWAY = ['DELETE /v1/sessions/{id}', 'POST /v1/admin/erasures'];

/** `{id}` and `{name}` in a path: what of, says the path before them. */
function idIn(path: string): fc.Arbitrary<string> {
  if (path.startsWith('/v1/sessions')) return fc.oneof(names('fuzz'), known('sessions'));
  if (path.startsWith('/v1/tasks')) return fc.oneof(names('t'), known('tasks'));
  if (path.startsWith('/v1/agents')) return names('a');
  return known(kindIn(path));
}

/** What kind of thing a path is about: the last word before its id. */
export const kindIn = (path: string): string =>
  path
    .split('/')
    .slice(1, /^\/v1\/(admin|memories\/conflicts)/.test(path) ? 4 : 3)
    .at(-1)!;

const plainName = fc.string({ maxLength: 8 }).filter((name) => name !== '__proto__');

/** Texts that have broken somebody's program: parsers, matchers, prefixes, prototypes, logs. */
const HOSTILE = [
  '',
  ' ',
  '\0',
  '\ud800',
  '%',
  '_',
  '*',
  'user:%',
  'user:victi',
  'user:victim ',
  'user:Victim',
  'USER:victim',
  'user:fuzz:',
  'user::fuzz',
  'user:fuzz*',
  ':',
  '../../etc/passwd',
  '..;/',
  '%2e%2e%2f',
  '%zz',
  `'; DROP TABLE audit; --`,
  `" OR 1=1 --`,
  'NEAR(a b',
  '"',
  '${jndi:ldap://x}',
  '{{7*7}}',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '-1',
  '0',
  '1e400',
  '1.5',
  '9007199254740993',
  '99999999999999999999',
  'NaN',
  'null',
  'true',
  '2025-02-30',
  '99999-01-01T00:00:00Z',
  '2026-01-01T00:00:00+99:99',
  '\u202eabc',
  'a\u200bb',
  'ｕｓｅｒ：ｖｉｃｔｉｍ',
  'e\u0301'.repeat(200),
  '\r\nX-Injected: 1',
  'a'.repeat(300),
  'a'.repeat(5_000),
  'eyJpZCI6MH0',
];
const hostile = fc.oneof(
  { weight: 3, arbitrary: oneOf(...HOSTILE) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
);
const nested = (depth: number): unknown => {
  let value: unknown = [];
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? { a: value } : [value];
  return value;
};
const wrong: fc.Arbitrary<unknown> = fc.oneof(
  hostile,
  oneOf<unknown>(
    null,
    true,
    0,
    -0,
    -1,
    1.5,
    2 ** 53,
    1e300,
    [],
    {},
    [[]],
    { $gt: '' },
    [null],
    nested(40),
    nested(900),
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

/** JSON that can be kept: its whole numbers are exact. */
const { json: anyJson } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    fc.oneof(words, fc.string({ maxLength: 8 }), fc.maxSafeInteger(), fc.double({ min: -1, max: 1, noNaN: true })),
    fc.constantFrom(null, true, false),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(plainName, tie('json'), { maxKeys: 3 }),
  ),
}));
const anyObject = fc.dictionary(plainName, anyJson, { maxKeys: 4 });

/** Draws requests of every operation of a document: half as it describes them, half with something wrong. */
export class Requests {
  /** What names mean in the operation at hand. */
  private meaning = MEANT;

  constructor(private readonly document: ApiDocument) {}

  of(operation: Operation): fc.Arbitrary<DrawnRequest> {
    const meant = this.meant(operation);
    return fc.oneof(
      meant,
      meant.chain((request) => spoilt(request)),
    );
  }

  private meant(operation: Operation): fc.Arbitrary<DrawnRequest> {
    const { parameters = [], requestBody } = operation.operation;
    const inPath = parameters.filter((one) => one.in === 'path');
    const inQuery = parameters.filter((one) => one.in === 'query');
    this.meaning = {
      ...MEANT,
      id: idIn(operation.path),
      name: idIn(operation.path),
      cursor: known(`cursors-${operation.operation.operationId}`),
      ...(TAKES_AWAY.includes(operation.name) ? GONE : {}),
    };
    const path = fc.record(Object.fromEntries(inPath.map(({ name }) => [name, this.meaning[name]!])));
    const query = fc.record(
      Object.fromEntries(inQuery.map(({ name, schema }) => [name, this.value(schema, name)])),
      // Most questions name little: with every filter at once, nothing would ever be found.
      { requiredKeys: inQuery.filter(({ required }) => required).map(({ name }) => name) },
    );
    const few = fc
      .tuple(query, fc.infiniteStream(fc.nat(3)))
      .map(([all, chance]) =>
        Object.entries(all).filter(
          ([name]) => chance.next().value === 0 || inQuery.some((one) => one.name === name && one.required),
        ),
      );
    return fc
      .record({ path, query: few, body: this.body(requestBody?.content), headers: headers(operation) })
      .map((drawn) => ({
        operation,
        path: drawn.path as Record<string, string>,
        query: drawn.query.map(([name, value]) => [name, String(value)] as [string, string]),
        headers: { ...drawn.headers, ...(drawn.body === undefined ? {} : { 'content-type': drawn.body.type }) },
        ...(drawn.body === undefined ? {} : { body: drawn.body.text }),
      }));
  }

  private body(
    content: Record<string, { schema: Schema }> | undefined,
  ): fc.Arbitrary<{ type: string; text: string } | undefined> {
    const [type, { schema }] = Object.entries(content ?? {})[0] ?? ['', { schema: {} }];
    if (type === '') return fc.constant(undefined);
    if (type === 'application/json') return this.value(schema).map((value) => ({ type, text: JSON.stringify(value) }));
    const line = this.value({ $ref: '#/components/schemas/AddMemoryBody' }).map(
      (value) => `${JSON.stringify(value)}\n`,
    );
    return fc.array(line, { maxLength: 4 }).map((lines) => ({ type, text: lines.join('') }));
  }

  /** A value as a schema describes it; under a name that means something, what it means. */
  private value(schema: Schema, name = ''): fc.Arbitrary<unknown> {
    const { $ref, anyOf, oneOf: variants, allOf, type, properties } = schema;
    if (schema.enum !== undefined) return oneOf(...schema.enum);
    const meant = this.meaning[name];
    if (meant !== undefined && properties === undefined) return this.typed(meant, schema);
    if ($ref !== undefined) return this.value(this.document.components.schemas[$ref.split('/').at(-1)!]!, name);
    if (allOf !== undefined) return this.value(allOf[0]!, name);
    if (schema.discriminator !== undefined) return this.tagged(schema.discriminator);
    const choices = anyOf ?? variants;
    if (choices !== undefined) return fc.oneof(...choices.map((choice) => this.value(choice, name)));
    if (Array.isArray(type)) return fc.oneof(...type.map((one) => this.value({ ...schema, type: one }, name)));
    switch (type) {
      case 'null':
        return fc.constant(null);
      case 'boolean':
        return fc.boolean();
      case 'integer':
        return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 100, 1_000_000) });
      case 'number':
        return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? 1, noNaN: true }).map((x) => x + 0);
      case 'string':
        return fc.oneof(
          words,
          fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 20, 20) }),
        );
      case 'array':
        return fc.array(this.value(schema.items ?? {}, name), { minLength: schema.minItems ?? 0, maxLength: 3 });
      case 'object':
        return properties === undefined ? anyObject : this.fields(schema);
      default:
        return anyJson;
    }
  }

  /** Where the document says number, a number, whatever a name means elsewhere. */
  private typed(meant: fc.Arbitrary<unknown>, { type, items }: Schema): fc.Arbitrary<unknown> {
    const types = [type].flat();
    if (types.includes('array') && items !== undefined)
      return meant.map((value) => (Array.isArray(value) ? value : [value]));
    if (types.includes('object')) return anyObject;
    if (types.includes('string')) return meant.map(String);
    return meant;
  }

  private fields({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
    const fields = Object.entries(properties).map(([name, schema]) => [name, this.value(schema, name)] as const);
    return fc.record(Object.fromEntries(fields), { requiredKeys: required });
  }

  private tagged({ propertyName, mapping }: NonNullable<Schema['discriminator']>): fc.Arbitrary<unknown> {
    const variants = Object.entries(mapping).map(([tag, $ref]) =>
      this.value({ $ref }).map((value) => ({ ...(value as object), [propertyName]: tag })),
    );
    return fc.oneof(...variants);
  }
}

/** Headers that go with a request, now and then. */
function headers({ method }: Operation): fc.Arbitrary<Record<string, string>> {
  const some: [string, string][] =
    method === 'get'
      ? [
          ['if-none-match', '*'],
          ['if-none-match', 'W/"x"'],
        ]
      : [
          ['if-match', '"1"'],
          ['if-match', '"2"'],
          ['if-none-match', '*'],
          ['idempotency-key', 'key-1'],
          ['idempotency-key', 'key-2'],
        ];
  const one = oneOf(...some).map(([name, value]) => ({ [name]: value }));
  return fc.oneof({ weight: 5, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: one });
}

const HEADERS = ['if-match', 'if-none-match', 'idempotency-key', 'x-correlation-id', 'x-request-id', 'last-event-id'];
const OTHERS = ['x-forwarded-for', 'x-user-id', 'x-http-method-override', 'traceparent', 'accept', 'range', 'cookie'];
const TYPES = ['application/json; charset=utf-7', 'text/plain', 'application/xml', 'application/json;', 'x'];
/** What `fetch` lets pass in a header: the rest is sent byte by byte in `hostile.spec.ts`. */
const sendable = (text: string): string => text.replace(/[^\t\x20-\x7e\xa0-\xff]/g, '').trim();

/** The same request with one thing wrong. */
function spoilt(request: DrawnRequest): fc.Arbitrary<DrawnRequest> {
  const { path, query, body } = request;
  const ways: fc.Arbitrary<DrawnRequest>[] = [
    fc.tuple(oneOf(...HEADERS, ...OTHERS), hostile).map(([name, text]) => ({
      ...request,
      headers: { ...request.headers, [name]: sendable(text) },
      mutation: `header ${name}`,
    })),
    fc
      .tuple(oneOf('colour', '__proto__', 'limit', 'limit[]', 'namespace_prefix', 'cursor'), hostile)
      .map(([name, text]) => ({
        ...request,
        query: [...query, [name, text]] as [string, string][],
        mutation: `query ${name} more`,
      })),
  ];
  for (const name of Object.keys(path))
    ways.push(
      hostile.map((text) => ({ ...request, path: { ...path, [name]: text || '%20' }, mutation: `path ${name}` })),
    );
  if (query.length > 0)
    ways.push(
      fc.tuple(fc.nat(query.length - 1), hostile).map(([at, text]) => ({
        ...request,
        query: query.map(([name, value], index) => [name, index === at ? text : value] as [string, string]),
        mutation: `query ${query[at]![0]}`,
      })),
    );
  if (body !== undefined) ways.push(...spoiltBodies(request, body));
  // `fetch` sends no body with a question; `hostile.spec.ts` does.
  else if (request.operation.method !== 'get')
    ways.push(fc.constant({ ...request, ...withBody(request, '{"a":1}'), mutation: 'a body where none is' }));
  return fc.oneof(...ways);
}

const withBody = ({ headers: sent }: DrawnRequest, body: string): Partial<DrawnRequest> => ({
  body,
  headers: { 'content-type': 'application/json', ...sent },
});

function spoiltBodies(request: DrawnRequest, body: string): fc.Arbitrary<DrawnRequest>[] {
  const raw = fc.oneof(
    fc.nat(body.length).map((end) => body.slice(0, end)),
    fc.tuple(fc.nat(body.length), hostile).map(([at, text]) => body.slice(0, at) + text + body.slice(at + 1)),
    oneOf(
      '',
      'null',
      '[]',
      '0',
      '"a"',
      '{',
      `${'['.repeat(5_000)}`,
      '{"a":1,"a":2}',
      '{"__proto__":{"a":1}}',
      '\ufeff{}',
    ),
  );
  const ways = [
    raw.map((text) => ({ ...request, body: text, mutation: 'body as text' })),
    oneOf(...TYPES).map((type) => ({
      ...request,
      headers: { ...request.headers, 'content-type': type },
      mutation: 'content type',
    })),
  ];
  if (!body.startsWith('{') || body.includes('\n')) return ways;
  const value = JSON.parse(body) as Record<string, unknown>;
  const places = placesIn(value);
  const changed = (change: (parent: Record<string, unknown>, name: string) => void, place: string[]): string => {
    const copy = JSON.parse(body) as Record<string, unknown>;
    const parent = place.slice(0, -1).reduce((at, name) => at[name] as Record<string, unknown>, copy);
    change(parent, place.at(-1)!);
    return JSON.stringify(copy);
  };
  const another = fc
    .tuple(oneOf('colour', 'constructor', 'position', 'created_by', 'toString'), wrong)
    .map(([name, more]) => ({
      ...request,
      body: JSON.stringify({ ...value, [name]: more }),
      mutation: `field ${name} more`,
    }));
  ways.push(another);
  if (places.length === 0) return ways;
  const place = oneOf(...places);
  const replaced = fc.tuple(place, wrong).map(([at, other]) => ({
    ...request,
    body: changed((parent, name) => (parent[name] = other), at),
    mutation: `field ${at.join('.')}`,
  }));
  const without = place.map((at) => ({
    ...request,
    body: changed((parent, name) => delete parent[name], at),
    mutation: `without ${at.join('.')}`,
  }));
  return [...ways, replaced, replaced, without];
}

/** The ways to all values in a body. */
function placesIn(value: unknown, way: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((name) => [
    [...way, name],
    ...placesIn((value as Record<string, unknown>)[name], [...way, name]),
  ]);
}
