export { compareTable, compareWords, isWordIndex, type Unequal } from './compare.js';
export type { Feature } from './feature.js';
export { project, projector, type Handlers, type Projector } from './projector.js';
export { projectionStatus, type ProjectionStatus } from './projections.reads.js';
export { Projections, type Turn } from './projections.js';
export { differences, replay, type Difference } from './replay.js';
