import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Written } from '#audit-log';

/** Answers a write: its version as ETag, its place in the log as X-Position. */
export function answerWrite<T>(reply: FastifyReply, { value, version, position }: Written<T>, status = 200): T {
  reply.status(status).header('etag', `"${version}"`).header('x-position', String(position));
  return value;
}

/** Answers a read of one thing: 304 without a body when the client has it already. */
export function answerRead<T>(request: FastifyRequest, reply: FastifyReply, tag: string, value: T): T | undefined {
  reply.header('etag', tag);
  const known = request.headers['if-none-match'];
  if (known === undefined || !known.split(',').some((one) => one.trim().replace(/^W\//, '') === tag)) return value;
  reply.status(304);
  return undefined;
}
