import { readAuditCatalog } from '#access';
import { reversalCatalog } from '#audit-log';
import { canonicalJson, type Recorded } from '#kernel';
import type { Projector } from '#projections';
import { sql, type Sql } from '#storage';
import { documents } from '#documents';
import { jobs } from '#jobs';
import { memories } from '#memories';
import { search } from '#search';
import { sessions } from '#sessions';
import { work } from '#work';
import { contexts } from './context.js';
import { erasures } from './erasure/erasure.js';

/** Events per type and hour, in table `metrics`: what the house has been busy with, for as long as it has stood. */
const count = ({ type, time }: Recorded): Sql[] => [
  sql`INSERT INTO metrics (name, labels, timestamp, value)
      VALUES ('events', ${canonicalJson({ type })}, ${`${time.slice(0, 13)}:00:00.000Z`}, 1)
      ON CONFLICT (name, timestamp, labels) DO UPDATE SET value = value + 1`,
];

const types = [
  sessions,
  memories,
  documents,
  work,
  jobs,
  search([]),
  contexts,
  erasures,
  { catalog: readAuditCatalog },
  { catalog: reversalCatalog },
].flatMap(({ catalog }) => Object.keys(catalog));

export const activityProjector: Projector = {
  name: 'activity',
  mode: 'catch-up',
  poison: 'park',
  tables: ['metrics'],
  on: Object.fromEntries(types.map((type) => [type, count])),
};
