import type { Projector } from '#projections';
import { toSql, type Searchable } from './searchable.js';

/** Table `search_entries`, from what features say can be found. It follows writes: words are there at once without it. */
export function searchProjector(searchables: Searchable[]): Projector {
  const on: Projector['on'] = {};
  for (const searchable of searchables) {
    for (const [type, changes] of Object.entries(searchable)) {
      const before = on[type];
      on[type] = (event) => [
        ...(before?.(event) ?? []),
        ...changes(event).flatMap((change) => toSql(change, event.position)),
      ];
    }
  }
  return { name: 'search', mode: 'catch-up', tables: ['search_entries'], shares: ['search_texts'], on };
}
