import * as crypto from 'node:crypto';
import { Readable } from 'node:stream';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { visibleTo } from '#access';
import { invalid, type Caller } from '#kernel';
import './holder.js';

/** Who acts while no keys are asked for. */
const ANONYMOUS = 'anonymous';

/** The caller of a request: `@By() by: Caller`. */
export const By = createParamDecorator((_: unknown, context: ExecutionContext): Caller =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

export function callerOf(request: FastifyRequest): Caller {
  const { headers } = request;
  const { holder } = request;
  return {
    actor: actorOf(request),
    ...(holder !== undefined && { authenticated: true, visible: visibleTo(holder.principal) }),
    time: new Date().toISOString(),
    request_id: request.id,
    correlation_id: visible(headers['x-correlation-id'], 'X-Correlation-Id') ?? request.id,
    if_match: expected(request),
    idempotency: idempotencyOf(request),
  };
}

/** Who asks, as the log names it. */
export const actorOf = ({ holder }: Pick<FastifyRequest, 'holder'>): string =>
  holder === undefined ? ANONYMOUS : `key:${holder.key_id}`;

/** The client's request id where it is fit for a log line, else one of ours. */
export const requestId = (headers: Record<string, string | string[] | undefined>): string => {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : newId();
};

// Ids that grow with time keep the index on correlation_id growing at its end. Older Nodes know only random ones.
const { randomUUIDv7 } = crypto as { randomUUIDv7?: () => string };
const newId: () => string = randomUUIDv7 ?? crypto.randomUUID;

/** Keys belong to who sends them: two who happen to choose the same one do not hear of each other. */
export function idempotencyOf(request: FastifyRequest): Caller['idempotency'] {
  const key = visible(request.headers['idempotency-key'], 'Idempotency-Key');
  if (key === undefined) return undefined;
  // A stream is told apart page by page, by who reads it.
  const body = request.body instanceof Readable ? '' : (JSON.stringify(request.body) ?? '');
  const used = `${request.method} ${request.url}\n${body}`;
  return { key: `${actorOf(request)} ${key}`, fingerprint: crypto.hash('sha256', used, 'base64url') };
}

/** The version that a write expects; `If-None-Match: *`, as HTTP spells that nothing is there yet, expects version 0. */
function expected({ method, headers }: FastifyRequest): number | undefined {
  const version = ifMatch(headers['if-match']);
  const none = headers['if-none-match'];
  if (none === undefined || method === 'GET' || method === 'HEAD') return version;
  if (version !== undefined) throw invalid('If-None-Match', 'does not go together with If-Match');
  if (none.trim() !== '*')
    throw invalid('If-None-Match', 'can only be * in a write', 'Send the version that you saw as If-Match.');
  return 0;
}

/** `"<version>"`; what follows a dash tells of shared state and is for caches only. */
function ifMatch(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const version = /^"(\d{1,15})(?:-\d+)?"$/.exec(header)?.[1];
  if (version === undefined)
    throw invalid(
      'If-Match',
      `must be a version in quotes, for instance "3", got ${header.slice(0, 40)}`,
      header.trim() === '*' ? 'Any version will do without the header.' : undefined,
    );
  return Number(version);
}

function visible(header: string | string[] | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(header)) {
    throw invalid(name, 'must be 1 to 255 visible ASCII characters');
  }
  return header;
}
