import { streamName, type Decider } from '#kernel';
import type { MemoriesRead, RecordedRead } from './read-audit.events.js';

/** Who read, and what of. */
export interface Reader {
  actor: string;
  /** Of the memory, or the prefix that was asked for; `null`: of no one namespace. */
  namespace: string | null;
  session_id: string | null;
}

export type RecordReads = { type: 'RecordReads'; batch_id: string; reads: RecordedRead[] } & Reader;

/** Each batch is a stream of its own: recorded once, however often it is sent. */
export const readAudit: Decider<RecordReads, MemoriesRead, { recorded: boolean }> = {
  name: 'read-audit',
  initial: { recorded: false },
  stream: ({ batch_id }) => streamName('reads', batch_id),

  decide({ actor, namespace, session_id, reads }, { recorded }) {
    if (recorded) return [];
    const about = { session_id, ...(namespace !== null && { memory_namespace: namespace }) };
    return [{ type: 'MemoriesRead', actor, about, data: { reads } }];
  },

  evolve: () => ({ recorded: true }),
};
