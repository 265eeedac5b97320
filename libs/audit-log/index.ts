import { auditExportPage } from './audit.export.js';
import { auditEntry, auditEvent, auditEvents } from './audit.reads.js';
import { headPosition, positionAt, streamTip } from './positions.js';
import { erasedUnasked, verifySlice, witnessedHead } from './chain.js';
import { flawedNode, provenConsistency, provenInclusion, signedHead, treeHead, treeRoot } from './tree.js';

export { isoTime, resolveAsOf, resolveMoment } from './as-of.js';
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
export { askedFilter, matches, type AuditFilter } from './audit.filter.js';
export {
  auditEvent,
  auditEvents,
  wasAnswered,
  wasAnsweredAlike,
  type AuditEvent,
  type AuditPageInput,
} from './audit.reads.js';
export { erasedUnasked, verifyRange, verifySlice, witnessedHead, type Verification } from './chain.js';
export { headPosition, positionAt, streamTip } from './positions.js';
export { importLog, type Imported } from './import-log.js';
export { openCheckpoint, readCheckpoint, type Checkpoint } from './checkpoint.js';
export { disclose, hmac, verdictOn, type Disclosure, type Verdict } from './entry.js';
export { LogKeys } from './log-keys.js';
export { cutLog } from './cut.js';
export { LogReader } from './log-reader.js';
export { inclusionText, keepCheckpoint, LogSigner, type KeptCheckpoint, type SignedHead } from './log-signer.js';
export { consistencyProof, extendsTree, Frontier, includes, leafHash } from './merkle.js';
export { verifyExport, verifyProof, type OfflineReport } from './offline.js';
export { openNote, parseVerifier, signNote, spellVerifier, type NoteVerifier } from './signed-note.js';
export { commitSum, forgetAnswersOf, LogWriter, type StoredCommit } from './log-writer.js';
export { SqliteAuditLog } from './sqlite-audit-log.js';
export { diffOf, type Change, type DiffInput, type Snapshot, type Snapshots } from './diff.js';
export {
  dependsOn,
  provenanceRows,
  TURN_OF_SESSION,
  whyOf,
  type LifeEvent,
  type Link,
  type Provenance,
  type Sees,
  type Source,
  type Why,
} from './provenance.js';
export { reversal, reversalCatalog } from './reversal.decider.js';
export { reversalUndoes, revertPlan, type DependsOn, type Revert, type RevertInput } from './revert.js';
export { thingOf, type Thing } from './thing.js';
export type { AnyUndoes, Dependent, Undo, Undoes, Undoing, Undone } from './undo.js';
export {
  chooseStep,
  decideStep,
  planStep,
  readStep,
  Transactor,
  type Carried,
  type Decision,
  type Planned,
  type Step,
  type Work,
  type WorkAnswer,
  type Written,
} from './transactor.js';
export { parseProof, spellProof, type TlogProof } from './tlog-proof.js';
export { flawedNode, signedHead, treeHead, treeRoot, type TreeHead } from './tree.js';
export { upcast } from './upcast.js';
export { directly, WriterClient, type Settler } from './writer-client.js';
export { hostWriter } from './writer-host.js';
export { streamPart } from './stream-part.js';
export { Writer, type Settled, type WriterHooks, type WriterRequest } from './writer.js';

/** Reads that run on reader threads. */
export const auditReads = [
  auditEvents,
  auditEvent,
  auditExportPage,
  headPosition,
  positionAt,
  streamTip,
  verifySlice,
  erasedUnasked,
  witnessedHead,
  auditEntry,
  treeHead,
  treeRoot,
  signedHead,
  provenInclusion,
  provenConsistency,
  flawedNode,
];
