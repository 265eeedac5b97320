export { compareTable, isEqual, type TableDifference } from './difference.js';
export { refill } from './take-over.js';
export { unequalRows, unequalWords, type Unequal } from './unequal.js';
export { isWordIndex } from './tables.js';
export type { Feature } from './feature.js';
export { parkedEvents, type ParkedEvent } from './parked.js';
export { project, projector, type Handlers, type Projector } from './projector.js';
export { countRows, projectionStatus, type ProjectionStatus } from './projections.reads.js';
export { Projections, type Turn } from './projections.js';
export {
  lockForRebuild,
  openBeside,
  rebuild,
  removeLeftovers,
  scratchOf,
  type RebuildOptions,
  type RebuildReport,
} from './rebuild.js';
export { differences, replay, type Difference } from './replay.js';
