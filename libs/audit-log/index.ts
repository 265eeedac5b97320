import { auditEntry, auditEvent, auditEvents, positionAt } from './audit.reads.js';
import { verifySlice, witnessedHead } from './chain.js';
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
  auditEvent,
  auditEvents,
  positionAt,
  wasAnswered,
  type AuditEvent,
  type AuditFilter,
  type AuditPageInput,
} from './audit.reads.js';
export { verifySlice, witnessedHead, type Verification } from './chain.js';
export { openCheckpoint, readCheckpoint, type Checkpoint } from './checkpoint.js';
export { disclose, verdictOn, type Disclosure, type Verdict } from './entry.js';
export { LogKeys } from './log-keys.js';
export { LogReader } from './log-reader.js';
export { keepCheckpoint, LogSigner, type KeptCheckpoint, type SignedHead } from './log-signer.js';
export { LogWriter } from './log-writer.js';
export { consistencyProof, extendsTree, Frontier, includes, leafHash } from './merkle.js';
export { parseVerifier, spellVerifier, type NoteVerifier } from './signed-note.js';
export { SqliteAuditLog } from './sqlite-audit-log.js';
export {
  chooseStep,
  decideStep,
  readStep,
  Transactor,
  type Decision,
  type Step,
  type Work,
  type WorkAnswer,
  type Written,
} from './transactor.js';
export { parseProof, spellProof, type TlogProof } from './tlog-proof.js';
export { flawedNode, treeHead, treeRoot, type TreeHead } from './tree.js';
export { upcast } from './upcast.js';
export { WriterClient, type Settler } from './writer-client.js';
export { hostWriter } from './writer-host.js';
export { Writer, type Settled, type WriterHooks, type WriterRequest } from './writer.js';

/** Reads that run on reader threads. */
export const auditReads = [
  auditEvents,
  auditEvent,
  auditEntry,
  positionAt,
  verifySlice,
  witnessedHead,
  treeHead,
  treeRoot,
  signedHead,
  provenInclusion,
  provenConsistency,
  flawedNode,
];
