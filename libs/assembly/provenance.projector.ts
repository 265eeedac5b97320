import { provenanceRows, type Provenance } from '#audit-log';
import type { Projector } from '#projections';

/** Table `provenance`, from what features say their events made something of. Inline: reverting looks at it at once. */
export function provenanceProjector(said: Provenance[]): Projector {
  const on = said.flatMap((provenance) => Object.entries(provenance));
  return {
    name: 'provenance',
    mode: 'inline',
    tables: ['provenance'],
    on: Object.fromEntries(on.map(([type, sourcesOf]) => [type, (event) => provenanceRows(event, sourcesOf(event))])),
  };
}
