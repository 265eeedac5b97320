import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Written } from '#audit-log';

/** Answers a write: its version as ETag, its place in the log as X-Position. */
export function answerWrite<T>(reply: FastifyReply, { value, version, position }: Written<T>, status = 200): T {
  reply.status(status).header('etag', `"${version}"`).header('x-position', String(position));
  return value;
}

/** Answers a read of one thing: 304 without a body when the client has it already. */
export function answerRead<T>(request: FastifyRequest, reply: FastifyReply, tag: string, value: T): T | undefined {
  reply.header('etag', tag);
  if (!isKnown(request, tag)) return value;
  reply.status(304);
  return undefined;
}

/** Every other read is told apart by its content: a weak ETag, and 304 when the client has it already. */
export function validateReads(server: FastifyInstance): void {
  server.addHook('onSend', (request, reply, payload, done) => {
    const read = request.method === 'GET' || request.method === 'HEAD';
    if (!read || reply.statusCode !== 200 || typeof payload !== 'string' || !request.url.startsWith('/v1/'))
      return done(null, payload);
    if (reply.hasHeader('etag')) return done(null, payload);
    const tag = `W/"${hash('sha1', payload, 'base64url')}"`;
    reply.header('etag', tag);
    if (!isKnown(request, tag)) return done(null, payload);
    reply.status(304).removeHeader('content-type').removeHeader('content-length');
    done(null, null);
  });
}

/** Whether `If-None-Match` names this tag; compared weakly (RFC 9110, section 13.1.2). */
function isKnown({ headers }: FastifyRequest, tag: string): boolean {
  const opaque = (text: string): string => text.trim().replace(/^W\//, '');
  const known = headers['if-none-match'];
  return known !== undefined && (known.trim() === '*' || known.split(',').some((one) => opaque(one) === opaque(tag)));
}
