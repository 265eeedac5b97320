import { auditReads } from '#audit-log';
import { documents, documentSearchable } from '#documents';
import { jobs } from '#jobs';
import { memories, memorySearchable } from '#memories';
import { operationReads } from '#operations';
import { search } from '#search';
import { projectionStatus, type Feature, type Projector } from '#projections';
import { sessions } from '#sessions';
import type { AnyDecider, EventCatalog } from '#kernel';
import { readRegistry } from '#storage';
import { work } from '#work';
import { activityProjector } from './activity.projector.js';
import { extractionReads } from './ended-sessions.js';
import { outcomeReads } from './task-outcome.js';

/** Start reading here: everything the product knows how to decide, project and answer. */
const features: Feature[] = [
  sessions,
  memories,
  documents,
  work,
  jobs,
  search([memorySearchable, documentSearchable]),
  {
    catalog: {},
    deciders: [],
    projectors: [activityProjector],
    reads: [...auditReads, ...outcomeReads, ...extractionReads, ...operationReads, projectionStatus],
  },
];

export const catalog: EventCatalog = Object.assign({}, ...features.map((feature) => feature.catalog)) as EventCatalog;

export const deciders = new Map<string, AnyDecider>(
  features.flatMap((feature) => feature.deciders.map((decider) => [decider.name, decider] as const)),
);

/** In the order in which they are applied: a table comes after those that its foreign keys name. */
export const projectors: Projector[] = features.flatMap((feature) => feature.projectors);

export const reads = readRegistry(features.flatMap((feature) => feature.reads));
