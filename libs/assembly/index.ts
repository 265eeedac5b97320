export { BACKUP_PROCESS, backupKnowledge, takeOptions } from './backup.js';
export { startBackground } from './background.js';
export { systemCaller } from './caller.js';
export { Config, ConfigError, readConfig } from './config.js';
export { context } from './context.decider.js';
export { CONTEXT_PARTS, type ContextPart } from './context.events.js';
export type { Context, ContextMemory, Provenance, Shadowed } from './context.answer.js';
export { contextOwners, type ContextSummary } from './context.recorded.js';
export { databaseReport, type DatabaseReport, type QuestionPlan } from './database-report.js';
export { catalog, diffRead, planRevert, projectors, reads } from './features.js';
export { keyEnvironment, migrateFile, openHouse, signingDirectory } from './house.js';
export { sizeOf } from './observe.js';
export { checkIntegrity, type IntegrityProgress } from './integrity/integrity.js';
export { integrityCheck, lastIntegrityReport, startIntegrityCheck } from './integrity/start.js';
export { CHECKS, type CheckName, type CheckResult, type Flaw, type IntegrityReport } from './integrity/report.js';
export { openModel } from './model.js';
export { eraseAgain, eraseFrom, eraseSubject, orderErasure } from './erasure/erase-file.js';
export { erasure } from './erasure/erasure.decider.js';
export { erasurePlan, type ErasurePlan } from './erasure/erasure.plan.js';
export { erasuresPage, type Erasure } from './erasure/erasure.reads.js';
export { ERASURES } from './erasure/erasure.list.js';
export type { Certificate } from './erasure/certificate.js';
export type { ErasureInput } from './erasure/erasure.request.js';
export type { Erasing } from './erasure/erasures.js';
export type { House } from './open-house.js';
export { PROJECT_ROOT, VERSION } from './project.js';
export {
  inThread,
  listProjections,
  Rebuilds,
  resolveProjections,
  tidyRebuilds,
  type ProjectionView,
} from './rebuilds.js';
export { rebuildFromExport, type RebuiltFile } from './rebuild-from-export.js';
export { openReaders } from './readers.js';
export { rememberOutcomes } from './remember-outcomes.js';
export { run, type Program } from './run.js';
export { runArchive, runDuplicateScan, runEpisodicConsolidation, type JobRun } from './consolidation.js';
export { settings, type Setting } from './settings.js';
export { EXAMPLE_SESSION, seed } from './seed.js';
export { endStaleTasks } from './stale-tasks.js';
export { assembleWriter } from './writer.js';
