import type { Provenance, Source } from '#audit-log';
import type { Recorded } from '#kernel';
import { memoryStream } from './memory.decider.js';
import type { MemoryWritten } from './memory.events.js';

/** What a version of a memory was made of. */
export const memoryProvenance: Provenance = {
  MemoryWritten: (event) => {
    const {
      namespace,
      key,
      published_from,
      restored_from,
      consolidated_from = [],
    } = (event as Recorded<MemoryWritten>).data;
    const sources: Source[] = [];
    if (published_from !== undefined) {
      const { namespace: from, key: at, version } = published_from;
      sources.push({ relation: 'published_from', stream: memoryStream(from, at), version });
    }
    if (restored_from !== undefined)
      sources.push({ relation: 'restored_from', stream: memoryStream(namespace, key), version: restored_from });
    for (const { namespace: from, key: at, version } of consolidated_from)
      sources.push({ relation: 'consolidated_from', stream: memoryStream(from, at), version });
    return sources;
  },
};
