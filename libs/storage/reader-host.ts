import type { MessagePort } from 'node:worker_threads';
import { DomainError } from '#kernel';
import type { Reader } from './database.js';
import { HERE, type ReadReply, type ReadRequest } from './reader-pool.js';
import type { AnyRead } from './reads.js';

/** The inside of a reader thread: answers one read at a time on its own connection, each about one moment. */
export function hostReads(port: MessagePort, db: Reader, reads: Map<string, AnyRead>): void {
  port.on('message', ({ id, read, input }: ReadRequest) => {
    port.postMessage(answer(id, () => db.snapshot(() => reads.get(read)!.run(db, input))));
  });
  port.postMessage(HERE);
}

function answer(id: number, work: () => unknown): ReadReply {
  try {
    return { id, answer: work() };
  } catch (error) {
    if (error instanceof DomainError) return { id, error: error.toJSON() };
    const { message, stack } = error as Error;
    return { id, error: { message, stack } };
  }
}
