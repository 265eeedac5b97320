import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DomainError, invalid } from '#kernel';

export const BODY_LIMIT = 1024 * 1024;
/** Batches and imports may be larger. */
export const BULK_LIMIT = 16 * 1024 * 1024;
const NDJSON_ROUTE = '/v1/memories/import';
const BULK_ROUTES = ['/v1/memories/batch', NDJSON_ROUTE, '/v1/sessions/:id/events/batch'];

/** How bodies are read: strict UTF-8, strict JSON; NDJSON stays a stream. */
export function readBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJson(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  server.addContentTypeParser(['application/x-ndjson', 'application/ndjson'], (request, payload, done) =>
    request.routeOptions.url === NDJSON_ROUTE ? done(null, payload) : done(unsupported('This route takes JSON.')),
  );
  server.addHook('onRequest', (request, _, done) => {
    assertReadable(request);
    done();
  });
  server.addHook('onRoute', (route) => {
    if (BULK_ROUTES.includes(route.url)) route.bodyLimit = BULK_LIMIT;
  });
}

/** Refuses what would be ignored or misread: a body where none is taken, another encoding than plain UTF-8. */
function assertReadable({ method, headers, raw }: FastifyRequest): void {
  assertUnambiguous(raw);
  const sent = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (sent && (method === 'GET' || method === 'HEAD')) throw invalid('body', 'this request takes no body');
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw unsupported('Send the body without Content-Encoding.');
  const charsets = [...(headers['content-type'] ?? '').matchAll(/;\s*charset\s*=\s*"?([^";\s]*)/gi)];
  if (!charsets.every(([, charset]) => /^utf-?8$/i.test(charset!)))
    throw unsupported('JSON is UTF-8; send no other charset.');
}

/** Of these Node keeps the first and drops the rest: somebody on the way may have looked at another one. */
const ONCE = ['host', 'content-type', 'authorization', 'x-api-key'];

/** Refuses a request that two readers could take for two different ones. */
function assertUnambiguous({ httpVersionMajor, httpVersion, rawHeaders }: IncomingMessage): void {
  if (httpVersionMajor < 1) throw invalid('version', 'of HTTP must be 1.0 or 1.1');
  const seen: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!ONCE.includes(name)) continue;
    if (seen.includes(name)) throw invalid(name, 'is sent twice');
    seen.push(name);
  }
  if (httpVersion === '1.1' && !seen.includes('host')) throw invalid('host', 'is required');
}

const unsupported = (message: string): Error => Object.assign(new Error(message), { statusCode: 415 });

/** Throws a domain error that says where the JSON breaks. An empty body is no body. */
export function parseJson(body: Buffer, field = 'body'): unknown {
  if (body.length === 0) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw invalid(field, 'is not valid UTF-8');
  }
  try {
    const value = JSON.parse(text) as unknown;
    // A parser silently takes the last of two; nobody can know which one was meant.
    if (namesIn(text) !== namesOf(value)) throw invalid(field, 'names a field twice in one object');
    return value;
  } catch (error) {
    if (error instanceof DomainError) throw error;
    // The parser quotes what it read; only where it stopped is safe to repeat.
    const place = /at position (\d+)/.exec((error as Error).message)?.[1];
    throw invalid(field, place === undefined ? 'is not JSON' : `is not JSON: it breaks at character ${place}`);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** How many names of fields a JSON text holds: the colons outside of its strings. */
function namesIn(text: string): number {
  let names = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === BACKSLASH) index += 1;
    else if (code === QUOTE) quoted = !quoted;
    else if (code === COLON && !quoted) names += 1;
  }
  return names;
}

/** How many fields a JSON value has, at any depth; without recursion, since a text may be nested without end. */
function namesOf(value: unknown): number {
  let names = 0;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const item = open.pop();
    if (typeof item !== 'object' || item === null) continue;
    const values: unknown[] = Object.values(item);
    if (!Array.isArray(item)) names += values.length;
    for (const inner of values) if (typeof inner === 'object' && inner !== null) open.push(inner);
  }
  return names;
}
