import type { ApiKeys, ReadAudit } from '#access';
import type { LogSigner, SqliteAuditLog, WriterClient } from '#audit-log';
import type { Backups } from '#backup';
import type { FolderSync } from '#documents';
import type { Jobs } from '#jobs';
import type { Operations } from '#operations';
import type { Meaning, OllamaChat, SearchIds } from '#search';
import type { Database, ReaderPool, ReadSide } from '#storage';
import type { Log, Metrics } from '#telemetry';
import type { Config } from './config.js';
import type { Erasures } from './erasure/erasures.js';
import type { IntegrityWatch } from './integrity/watch.js';
import type { Rebuilds } from './rebuilds.js';

/** Everything that is open while the program runs. */
export interface House {
  config: Config;
  log: Log;
  metrics: Metrics;
  db: Database;
  pool: ReaderPool;
  reads: ReadSide;
  writer: WriterClient;
  auditLog: SqliteAuditLog;
  readAudit: ReadAudit;
  signer: LogSigner;
  keys: ApiKeys;
  meaning: Meaning;
  chat: OllamaChat;
  folders: FolderSync;
  operations: Operations;
  jobs: Jobs;
  rebuilds: Rebuilds;
  backups: Backups;
  erasures: Erasures;
  integrity: IntegrityWatch;
  searchIds: SearchIds;
  close(): Promise<void>;
}
