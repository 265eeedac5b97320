import { randomUUID } from 'node:crypto';
import type { Caller } from '#kernel';

/** The caller of what the house does by itself; what an operation does carries the operation's id. */
export function systemCaller(correlationId: string = randomUUID()): Caller {
  return {
    actor: 'system',
    time: new Date().toISOString(),
    request_id: correlationId,
    correlation_id: correlationId,
  };
}
