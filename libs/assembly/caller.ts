import { randomUUID } from 'node:crypto';
import type { Caller } from '#kernel';

/** The caller of what the house does by itself. */
export function systemCaller(): Caller {
  const id = randomUUID();
  return { actor: 'system', time: new Date().toISOString(), request_id: id, correlation_id: id };
}
