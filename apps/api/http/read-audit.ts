import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ReadAudit, ReadOperation, RecordedRead, Reader } from '#access';
import { canonicalJson, type JsonObject } from '#kernel';
import { actorOf } from './caller.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What it is answered, where that is recorded; of a stream, how many lines there were. */
    answer?: unknown;
  }
}

/** A request as far as it is known; one that was refused early has no body yet. */
interface Asked {
  params: Record<string, string>;
  query: Record<string, unknown>;
  body: Record<string, unknown>;
}

/** What of a request is recorded beside who and when. */
interface Look extends Partial<Pick<Reader, 'namespace' | 'session_id'>> {
  operation: ReadOperation;
  key?: string;
  results: number;
  /** Where what was asked for is found. */
  fields: Record<string, unknown>;
}

/** `answer` is `undefined` where nothing was found, or no right to it. */
type Looks = (asked: Asked, answer: unknown) => Look[];

const one =
  (operation: ReadOperation): Looks =>
  ({ params: { namespace, key }, query }, answer) => [
    { operation, namespace, key, results: found(answer), fields: query },
  ];

const exported: Looks = ({ query }, answer) => [
  {
    operation: 'export',
    namespace: text(query['namespace_prefix']),
    results: typeof answer === 'number' ? answer : 0,
    fields: query,
  },
];

const many =
  (operation: ReadOperation, of: 'query' | 'body'): Looks =>
  (asked, answer) => {
    const fields = asked[of];
    return [{ operation, namespace: text(fields['namespace_prefix']), results: found(answer), fields }];
  };

/** A context is of a session, which the request or the answer names. */
const context =
  (operation: ReadOperation): Looks =>
  ({ params, query, body }, answer) => {
    const fields = { ...query, ...body, ...params };
    const session = (answer as { session?: { session_id?: unknown } } | undefined)?.session?.session_id;
    return [{ operation, session_id: text(fields['session_id'] ?? session), results: found(answer), fields }];
  };

/** Each get and search of a batch is a read. */
const batch: Looks = ({ body }, answer) => {
  const operations = (body['operations'] ?? []) as Record<string, unknown>[];
  const results = (answer as { results?: unknown[] } | undefined)?.results ?? [];
  return operations.flatMap((fields, index): Look[] => {
    const given = found(results[index]);
    if (fields['op'] === 'get')
      return [
        { operation: 'get', namespace: text(fields['namespace']), key: String(fields['key']), results: given, fields },
      ];
    if (fields['op'] !== 'search') return [];
    return [{ operation: 'search', namespace: text(fields['namespace_prefix']), results: given, fields }];
  });
};

const conflict: Looks = ({ params }, answer) => [{ operation: 'conflict', results: found(answer), fields: params }];

/** All routes that read memories, or what is made of them. */
export const READS: Record<string, Looks> = {
  'GET /v1/memories/:namespace/:key': one('get'),
  'GET /v1/memories/:namespace/:key/history': one('history'),
  'GET /v1/memories/:namespace/:key/diff': one('diff'),
  'GET /v1/memories/:namespace/:key/outcomes': one('outcomes'),
  'GET /v1/memories/:namespace/:key/why': one('why'),
  'GET /v1/memories': many('list', 'query'),
  'GET /v1/memories/export': exported,
  'GET /v1/memories/conflicts': many('conflicts', 'query'),
  'GET /v1/memories/conflicts/:id': conflict,
  'POST /v1/memories/search': many('search', 'body'),
  'POST /v1/memories/batch': batch,
  'POST /v1/context': context('context'),
  'GET /v1/context/:id': context('context'),
  'GET /v1/context': context('contexts'),
  'POST /v1/documents/search': many('search-documents', 'body'),
};

/** What tells nothing of content; everything else that was asked for is recorded by its hash. */
const PLAIN = ['id', 'version', 'from', 'to', 'as_of', 'memory_type', 'mode', 'limit', 'include_quarantined'];
/** Recorded in its own place, or of no weight. */
const APART = ['op', 'namespace', 'key', 'namespace_prefix', 'session_id', 'query', 'cursor', 'explain', 'weights'];

/** Has everything recorded that these routes are asked for, once it is answered: what was given, and what was denied. */
export function auditReads(server: FastifyInstance, audit: ReadAudit): void {
  server.addHook('onRoute', (route) => {
    const method = route.method === 'HEAD' ? 'GET' : String(route.method);
    const looks = READS[`${method} ${route.url}`];
    if (looks === undefined) return;
    route.preSerialization = (request, _, payload, done) => {
      request.answer = payload;
      done(null, payload);
    };
    route.onResponse = (request, reply, done) => {
      const outcome = outcomeOf(request, reply.statusCode);
      if (outcome !== undefined) note(audit, request, looks, outcome);
      done();
    };
  });
}

/** Nothing where the request was broken, shed or failed: then nothing was read, nor anything kept back. */
function outcomeOf({ denied }: FastifyRequest, status: number): RecordedRead['outcome'] | undefined {
  if (denied === true) return 'denied';
  if (status < 300 || status === 304) return 'answered';
  return status === 404 ? 'not-found' : undefined;
}

function note(audit: ReadAudit, request: FastifyRequest, looks: Looks, outcome: RecordedRead['outcome']): void {
  const { params, query, body } = request as unknown as Partial<Asked>;
  const asked = { params: params ?? {}, query: query ?? {}, body: body ?? {} };
  // Who has it already is told so without it.
  const answer = outcome === 'answered' ? (request.answer ?? KNOWN) : undefined;
  const actor = actorOf(request);
  const time = new Date().toISOString();
  for (const { operation, namespace = null, session_id = null, key, results, fields } of looks(asked, answer)) {
    audit.note(
      { actor, namespace, session_id },
      { time, request_id: request.id, operation, outcome, results, ...(key !== undefined && { key }), ...said(fields) },
    );
  }
}

const KNOWN = {};

/** How much an answer gives: what is on the page, in the results or between the lines; one, where it is one thing. */
function found(answer: unknown): number {
  if (answer === undefined || answer === null) return 0;
  if (Array.isArray(answer)) return answer.length;
  const { items, results, provenance } = answer as Record<string, unknown>;
  const list = [items, results, provenance].find((part) => Array.isArray(part)) as unknown[] | undefined;
  return list?.length ?? 1;
}

function said(fields: Record<string, unknown>): Pick<RecordedRead, 'asked' | 'query_sha256' | 'filter_sha256'> {
  const asked: [string, string | number | boolean][] = [];
  const rest: [string, unknown][] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === false || APART.includes(name)) continue;
    if (PLAIN.includes(name)) asked.push([name, value as string | number | boolean]);
    else rest.push([name, value]);
  }
  const query = text(fields['query']);
  return {
    ...(asked.length > 0 && { asked: Object.fromEntries(asked) }),
    ...(query !== null && { query_sha256: hash('sha256', query) }),
    ...(rest.length > 0 && { filter_sha256: hash('sha256', canonicalJson(Object.fromEntries(rest) as JsonObject)) }),
  };
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
