import type { Feature } from '#projections';
import { job } from './job.decider.js';
import { jobCatalog } from './job.events.js';
import { jobsProjector } from './job.projector.js';
import { jobReads } from './job.reads.js';
import { jobUndoes } from './job.undo.js';

/** What writer and reader threads need to know. */
export const jobs: Feature = {
  catalog: jobCatalog,
  deciders: [job],
  projectors: [jobsProjector],
  reads: jobReads,
  undoes: jobUndoes,
};

export {
  claimJob,
  endJob,
  planJob,
  renewJob,
  type ClaimJob,
  type EndJob,
  type HoldJob,
  type PlanJob,
} from './job.chores.js';
export { job } from './job.decider.js';
export { jobRows } from './job.reads.js';
export { Jobs, type JobDefinition, type JobRunOptions, type JobView } from './jobs.js';
