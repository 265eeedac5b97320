import type { Json, JsonObject, Recorded } from '#kernel';
import { sequenceOf, type Searchable } from '#search';
import { memoryStream } from './memory.decider.js';
import type { MemoryDeleted, MemoryWritten } from './memory.events.js';

/** What of a value is said first, whatever order its keys are stored in. */
const FIRST = ['title', 'text', 'content', 'summary'];
/** Longest text that can be found, in characters, and how deep it is looked for. */
const MAX_TEXT = 32_768;
const MAX_DEPTH = 8;

/** The text of a memory: the strings of its value, one to a line. */
export function memoryText(value: JsonObject): string {
  const lines: string[] = [];
  collect(value, lines, 0);
  return lines.join('\n').slice(0, MAX_TEXT).toWellFormed();
}

function collect(value: Json, lines: string[], depth: number): void {
  if (typeof value === 'string') lines.push(value);
  else if (Array.isArray(value) && depth < MAX_DEPTH) for (const item of value) collect(item, lines, depth + 1);
  else if (typeof value === 'object' && value !== null && depth < MAX_DEPTH) {
    for (const key of Object.keys(value).toSorted(byPriority)) collect((value as JsonObject)[key]!, lines, depth + 1);
  }
}

function byPriority(a: string, b: string): number {
  const rank = (key: string): number => (FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length);
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}

/** Which text of a memory can be found, and what it was said in. */
export const memorySearchable: Searchable = {
  MemoryWritten: (event) => {
    const { data, position } = event as Recorded<MemoryWritten>;
    const { namespace, key, memory_type, value, metadata, session_id } = data;
    const subject = memoryStream(namespace, key);
    const session = session_id ?? sessionOf(metadata);
    return [
      { drop: subject },
      {
        put: subject,
        id: position,
        source: 'memory',
        text: memoryText(value),
        namespace,
        memory_type,
        sequence: session === null ? undefined : sequenceOf({ namespace, session, key, position }),
      },
    ];
  },
  MemoryDeleted: (event) => [{ drop: subjectOf(event) }],
  MemoryExpired: (event) => [{ drop: subjectOf(event) }],
  MemoryRestored: (event) => [{ revive: subjectOf(event) }],
  MemorySuperseded: (event) => [{ drop: subjectOf(event) }],
  MemoryArchived: (event) => [{ drop: subjectOf(event) }],
};

const subjectOf = (event: Recorded): string => {
  const { namespace, key } = (event as Recorded<MemoryDeleted>).data;
  return memoryStream(namespace, key);
};

/** Memories that name their session in their metadata belong together, too. */
function sessionOf({ session, session_id }: JsonObject): string | null {
  const name = session ?? session_id;
  return typeof name === 'string' || typeof name === 'number' ? String(name) : null;
}
