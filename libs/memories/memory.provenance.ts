import { TURN_OF_SESSION, type Provenance, type Source } from '#audit-log';
import type { JsonObject, Recorded } from '#kernel';
import { memoryStream } from './memory.decider.js';
import type { MemoryRef, MemoryWritten } from './memory.events.js';

/** What a version of a memory was made of. */
export const memoryProvenance: Provenance = {
  MemoryWritten: (event) => {
    const { data } = event as Recorded<MemoryWritten>;
    const { namespace, key, published_from, restored_from, consolidated_from = [], metadata } = data;
    return [
      ...(published_from === undefined ? [] : [source('published_from', published_from)]),
      ...(restored_from === undefined ? [] : [source('restored_from', { namespace, key, version: restored_from })]),
      ...consolidated_from.map((ref) => source('consolidated_from', ref)),
      ...learnedFrom(metadata).map((ref) => source('learned_from', ref)),
      ...turnsOf(event as Recorded<MemoryWritten>).map((position) => ({ relation: TURN_OF_SESSION, position })),
    ];
  },
};

const source = (relation: string, { namespace, key, version }: MemoryRef): Source => ({
  relation,
  stream: memoryStream(namespace, key),
  version,
});

/** As many episodes are followed: anybody may write metadata. */
const MAX_LEARNED = 100;

/** The episodes that a procedure says it has learned from, and not whatever else somebody put in their place. */
function learnedFrom({ learned_from }: JsonObject): MemoryRef[] {
  return Array.isArray(learned_from) ? (learned_from as unknown[]).filter(isRef).slice(0, MAX_LEARNED) : [];
}

/** The entries of its own session that a memory says it was extracted from, as far as they were there before it. */
function turnsOf({ data: { session_id, metadata }, position }: Recorded<MemoryWritten>): number[] {
  const { extracted_from } = metadata as { extracted_from?: { session_id?: unknown; positions?: unknown } };
  if (session_id === undefined || session_id === null || extracted_from?.session_id !== session_id) return [];
  const { positions } = extracted_from;
  if (!Array.isArray(positions)) return [];
  return (positions as unknown[])
    .filter((turn): turn is number => Number.isSafeInteger(turn) && (turn as number) > 0 && (turn as number) < position)
    .slice(0, MAX_LEARNED);
}

function isRef(item: unknown): item is MemoryRef {
  const { namespace, key, version } = (item ?? {}) as Partial<Record<keyof MemoryRef, unknown>>;
  return typeof namespace === 'string' && typeof key === 'string' && Number.isSafeInteger(version);
}
