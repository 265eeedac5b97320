import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { directly, SqliteAuditLog, WriterClient, type AuditLog } from '#audit-log';
import { assembleWriter, catalog } from '#assembly';
import { Database, migrate, readMigrations } from '#storage';
import type { LogUnderTest } from '../contract/audit-log.contract.js';
import { MIGRATIONS } from './house.js';
import { temporaryDirectory } from './server.js';

/** The script that hosts the writer in the built program. */
export const WRITER_THREAD = pathToFileURL(join(process.cwd(), 'dist/libs/assembly/writer.thread.js'));

/** A new file with the schema of today. */
export function migratedFile(): string {
  const path = join(temporaryDirectory(), 'abathur.db');
  const db = Database.open({ path, synchronous: 'NORMAL' });
  migrate(db, readMigrations(MIGRATIONS));
  db.close();
  return path;
}

/** The log in this process: two writers, a connection each, called directly. */
export async function inProcess(): Promise<LogUnderTest> {
  const path = migratedFile();
  const open = () => {
    const db = Database.open({ path, synchronous: 'NORMAL' });
    return { db, log: new SqliteAuditLog(db, catalog, directly(assembleWriter(db))) };
  };
  const [one, two] = [open(), open()];
  const close = async (): Promise<void> => [one, two].forEach(({ db }) => db.close());
  return { log: one.log, other: two.log, close };
}

/** The log as the program opens it: writer threads of the built program, and a connection that only reads. */
export async function behindWriterThreads(): Promise<LogUnderTest> {
  const path = migratedFile();
  const db = Database.open({ path, readonly: true });
  const writers = [1, 2].map(() => new WriterClient(WRITER_THREAD, { path, synchronous: 'NORMAL' }));
  const [log, other] = writers.map((writer) => new SqliteAuditLog(db, catalog, writer));
  const close = async (): Promise<void> => {
    await Promise.all(writers.map((writer) => writer.close()));
    db.close();
  };
  return { log: log!, other: other!, close };
}

/** One log over two writer threads, which take turns; whoever reads sees the writes of both. */
export async function inTurns(): Promise<LogUnderTest> {
  const { log, other, close } = await behindWriterThreads();
  let turn = 0;
  const taking = (writers: AuditLog[]): AuditLog => ({
    commit: (commit) => writers[turn++ % writers.length]!.commit(commit),
    readStream: (stream, slice) => other.readStream(stream, slice),
    readAll: (position, limit) => other.readAll(position, limit),
    tail: (position, signal) => other.tail(position, signal),
    head: () => other.head(),
  });
  return { log: taking([log, other]), other: taking([other, log]), close };
}
