import type { Reader } from './database.js';

/**
 * A question to the read tables: a name, so that it can be asked on another thread, and a function of a connection.
 * The same read runs on the main thread, on a pooled reader, or inside the writer's transaction.
 */
export interface Read<Input, Answer> {
  name: string;
  // A property, not a method: then an input that lacks something does not compile.
  run: (db: Reader, input: Input) => Answer;
}

export const defineRead = <Input, Answer>(
  name: string,
  run: (db: Reader, input: Input) => Answer,
): Read<Input, Answer> => ({ name, run });

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyRead = Read<any, any>;

/** Reads by name, as a thread looks them up. */
export function readRegistry(reads: AnyRead[]): Map<string, AnyRead> {
  const registry = new Map(reads.map((read) => [read.name, read]));
  if (registry.size !== reads.length) throw new Error('Two reads have the same name');
  return registry;
}
