export { machineSeconds } from './machine-time.js';
export {
  beginOperation,
  reportOperations,
  tidyOperations,
  type OperationReport,
  type OperationStart,
} from './operation.chores.js';
export { operationById, operationReads, lastResult, operationsPage } from './operation.reads.js';
export { LEASE_SECONDS, OPERATION_STATUSES, type Operation, type OperationStatus, type Progress } from './operation.js';
export { Operations, type OperationObserver, type OperationWork, type Report } from './operations.js';
