export { ballastOf, ballastSize, layBallast, releaseBallast } from './ballast.js';
export { copyInto, isOpenSomewhere } from './copy.js';
export {
  checkPragmas,
  Database,
  OLDEST_SQLITE,
  PRAGMAS,
  type DatabaseOptions,
  type Reader,
  type RunResult,
  type Synchronous,
} from './database.js';
export { diskOf, makeDirectory, megabytes, saysFull, takesNoWrites, type Disk } from './disk.js';
export { fileId } from './file-id.js';
export { FileLock, lockOf } from './file-lock.js';
export { compileFilter, type Field, type Filter } from './filter.js';
export { locksOf, type Holder, type Locks } from './locks.js';
export { migrate, readMigrations, type Migration } from './migrate.js';
export { fullScans, queryPlan, recordingReader, type Asked } from './query-plan.js';
export { hostReads } from './reader-host.js';
export { ReaderPool, type PoolOptions, type PoolStatus } from './reader-pool.js';
export { ReadSide } from './read-side.js';
export { defineRead, readRegistry, type AnyRead, type Read } from './reads.js';
export type { OnRead } from './read-side.js';
export { and, join, sql, type Sql, type SqlValue } from './sql.js';
export { CHECKPOINT_RESULTS, WalWatch, walNews, type CheckpointResult, type WalNews, type WalState } from './wal.js';
export { finishSwap, stagingOf, swapIn, sync } from './swap.js';
export { startThread, type Thread } from './thread.js';
export { makeIndex, missingIndexes, tableIndexes, type TableIndex } from './table-indexes.js';
export { checkpoint, walStatus, type Checkpointed, type WalStatus } from './wal-status.js';
