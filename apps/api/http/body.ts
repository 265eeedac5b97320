import type { FastifyInstance } from 'fastify';
import { invalid } from '#kernel';

export const BODY_LIMIT = 1024 * 1024;
/** Batches and imports may be larger. */
export const BULK_LIMIT = 16 * 1024 * 1024;
const BULK_ROUTES = ['/v1/memories/batch', '/v1/memories/import', '/v1/sessions/:id/events/batch'];

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
  server.addContentTypeParser(['application/x-ndjson', 'application/ndjson'], (_request, payload, done) =>
    done(null, payload),
  );
  server.addHook('onRoute', (route) => {
    if (BULK_ROUTES.includes(route.url)) route.bodyLimit = BULK_LIMIT;
  });
}

/** Throws a domain error that says where the JSON breaks. An empty body is no body. */
export function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw invalid('body', 'is not valid UTF-8');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser quotes what it read; only where it stopped is safe to repeat.
    const place = /at position (\d+)/.exec((error as Error).message)?.[1];
    throw invalid('body', place === undefined ? 'is not JSON' : `is not JSON: it breaks at character ${place}`);
  }
}
