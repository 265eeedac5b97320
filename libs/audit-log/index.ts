import { auditExportPage } from './audit.export.js';
import { auditEvent, auditEvents } from './audit.reads.js';
import { headPosition, positionAt } from './positions.js';
import { verifySlice, witnessedHead } from './chain.js';

export { isoTime, resolveAsOf } from './as-of.js';
export type {
  AuditLog,
  Commit,
  CommittedEvent,
  Condition,
  Expected,
  Head,
  NewEvent,
  Receipt,
  StreamSlice,
} from './audit-log.js';
export {
  auditExportPage,
  exportLines,
  type ExportEntry,
  type ExportFilter,
  type ExportManifest,
  type ExportPage,
  type ExportTrailer,
} from './audit.export.js';
export { matches, type AuditFilter } from './audit.filter.js';
export { auditEvent, auditEvents, wasAnswered, type AuditEvent, type AuditPageInput } from './audit.reads.js';
export { verifyRange, verifySlice, witnessedHead, type Verification } from './chain.js';
export { headPosition, positionAt } from './positions.js';
export { LogReader } from './log-reader.js';
export { LogWriter } from './log-writer.js';
export { SqliteAuditLog } from './sqlite-audit-log.js';
export {
  decideStep,
  readStep,
  Transactor,
  type Decision,
  type Step,
  type Work,
  type WorkAnswer,
  type Written,
} from './transactor.js';
export { upcast } from './upcast.js';
export { WriterClient, type Settler } from './writer-client.js';
export { hostWriter } from './writer-host.js';
export { Writer, type Settled, type WriterHooks, type WriterRequest } from './writer.js';

/** Reads that run on reader threads. */
export const auditReads = [
  auditEvents,
  auditEvent,
  auditExportPage,
  headPosition,
  positionAt,
  verifySlice,
  witnessedHead,
];
