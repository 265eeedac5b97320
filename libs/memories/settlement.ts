import type { Json, JsonObject } from '#kernel';
import type { MemoryContent } from './memory.decider.js';
import type { Memory } from './memory.row.js';

/** What a conflict comes to: at which address, and what stands there then. */
export interface Settlement {
  target: Memory;
  content: MemoryContent;
  expires_at: string | null;
}

/** Newest first; of what was written at once, what stands later in the log. */
export const newestFirst = (members: Memory[]): Memory[] =>
  members.toSorted((a, b) => (a.updated_at < b.updated_at ? 1 : a.updated_at > b.updated_at ? -1 : b.id - a.id));

/** The newest content, or every field of all of them, the newest winning where they differ. */
export function settle(members: Memory[], how: 'last_write_wins' | 'merge' | { value: JsonObject }): Settlement {
  const [newest, ...older] = newestFirst(members);
  const content: MemoryContent = {
    memory_type: newest!.memory_type,
    value: how === 'last_write_wins' ? newest!.value : typeof how === 'object' ? how.value : mergedOf(members, 'value'),
    metadata: how === 'last_write_wins' ? newest!.metadata : mergedOf(members, 'metadata'),
  };
  // Nothing may end sooner because it was put together with something that does.
  const ends = members.map(({ expires_at }) => expires_at);
  const expires_at = ends.includes(null) ? null : (ends as string[]).toSorted().at(-1)!;
  return { target: mostLasting([newest!, ...older]), content, expires_at };
}

function mergedOf(members: Memory[], part: 'value' | 'metadata'): JsonObject {
  const [oldest, ...newer] = newestFirst(members).toReversed();
  return newer.reduce((merged, memory) => merge(merged, memory[part]) as JsonObject, oldest![part]);
}

/** Objects are merged field by field, everything else is replaced by the newer. */
function merge(older: Json, newer: Json): Json {
  if (!isObject(older) || !isObject(newer)) return newer;
  const merged: [string, Json][] = Object.entries(older).map(([field, value]) => [
    field,
    Object.hasOwn(newer, field) ? merge(value, newer[field]!) : value,
  ]);
  const added = Object.entries(newer).filter(([field]) => !Object.hasOwn(older, field));
  return Object.fromEntries([...merged, ...added]);
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const LASTING = ['session', 'user', 'project', 'app'];

/** Where it stays longest: a session ends before its user does. Among equals, where it was written last. */
const mostLasting = (members: Memory[]): Memory =>
  members.reduce((best, memory) => (lasting(memory) > lasting(best) ? memory : best));

const lasting = ({ namespace }: Memory): number => LASTING.indexOf(namespace.split(':')[0]!);
