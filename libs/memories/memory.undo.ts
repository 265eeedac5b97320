import { canonicalJson } from '#kernel';
import { decideStep, type Undo, type Undoes } from '#audit-log';
import { memory, type MemoryState } from './memory.decider.js';
import type { MemoryEvent } from './memory.events.js';

/** A memory becomes what it was before the operation. Whoever has changed it since, or copied it, stands in the way. */
const asBefore: Undo<MemoryEvent> = ({ data: { namespace, key } }, { states, later }) => {
  const { before, now } = states(memory);
  if (shown(before) === shown(now)) return { keep: 'it is what it was before' };
  const because = later();
  if (because.length > 0) return { refuse: `${namespace}/${key} was changed or used since`, because };
  return {
    take: decideStep(memory, { type: 'RevertMemory', namespace, key, to: before }),
    what: !isAlive(before)
      ? 'it is deleted'
      : now.held && !now.deleted && now.entry_id === before.entry_id
        ? 'it is marked as it was before'
        : `it has the content of version ${before.version} again`,
  };
};

export const memoryUndoes: Undoes<MemoryEvent> = {
  MemoryWritten: asBefore,
  MemoryDeleted: asBefore,
  MemoryRestored: asBefore,
  MemoryExpired: asBefore,
  MemorySuperseded: asBefore,
  MemoryArchived: asBefore,
  MemoryFlagged: asBefore,
  MemoryReviewed: asBefore,
};

const isAlive = (state: MemoryState): state is Extract<MemoryState, { held: true }> => state.held && !state.deleted;

/** What can be seen of a state: which of its versions that is does not matter. */
function shown(state: MemoryState): string {
  if (!isAlive(state)) return '';
  const { version: _, entry_id: __, ttl_seconds: ___, consolidated_from: ____, ...content } = state;
  return canonicalJson(content);
}
