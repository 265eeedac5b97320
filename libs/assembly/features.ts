import {
  auditReads,
  dependsOn,
  diffOf,
  reversal,
  reversalCatalog,
  reversalUndoes,
  revertPlan,
  type AnyUndoes,
  type Snapshots,
} from '#audit-log';
import { access } from '#access';
import { documents, documentSearchable } from '#documents';
import { jobs } from '#jobs';
import { memories, memorySearchable } from '#memories';
import { operationReads } from '#operations';
import { search } from '#search';
import { countRows, parkedEvents, projectionStatus, type Feature, type Projector } from '#projections';
import { sessions } from '#sessions';
import type { AnyDecider, EventCatalog } from '#kernel';
import { readRegistry } from '#storage';
import { work } from '#work';
import { activityProjector } from './activity.projector.js';
import { census } from './census.js';
import { contexts } from './context.js';
import { erasures } from './erasure/erasure.js';
import { provenanceProjector } from './provenance.projector.js';
import { extractionReads } from './ended-sessions.js';
import { outcomeReads } from './task-outcome.js';
import { memoryWhy } from './why.js';

/** Start reading here: everything the product knows how to decide, project and answer. */
const features: Feature[] = [
  sessions,
  memories,
  documents,
  work,
  jobs,
  access,
  search([memorySearchable, documentSearchable]),
  contexts,
  erasures,
  {
    catalog: reversalCatalog,
    deciders: [reversal],
    projectors: [activityProjector],
    reads: [
      ...auditReads,
      ...outcomeReads,
      ...extractionReads,
      memoryWhy,
      ...operationReads,
      census,
      projectionStatus,
      parkedEvents,
      countRows,
    ],
    undoes: reversalUndoes,
  },
];

export const catalog: EventCatalog = Object.assign({}, ...features.map((feature) => feature.catalog)) as EventCatalog;

export const deciders = new Map<string, AnyDecider>(
  features.flatMap((feature) => feature.deciders.map((decider) => [decider.name, decider] as const)),
);

const provenance = provenanceProjector(features.flatMap(({ provenance: said }) => (said === undefined ? [] : [said])));

/** In the order in which they are applied: a table comes after those that its foreign keys name. */
export const projectors: Projector[] = [...features.flatMap((feature) => feature.projectors), provenance];

/** What became different between two positions, of everything that can be compared. */
export const diffRead = diffOf(Object.assign({}, ...features.map((feature) => feature.snapshots ?? {})) as Snapshots);

const undoes = Object.assign({}, ...features.map((feature) => feature.undoes)) as AnyUndoes;

/** How everything under a correlation id is taken back, as the features say. */
export const planRevert = revertPlan(undoes, catalog, dependsOn);

export const reads = readRegistry([...features.flatMap((feature) => feature.reads), planRevert, diffRead]);
