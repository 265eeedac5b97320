import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directly, SqliteAuditLog, type Writer } from '#audit-log';
import { assembleWriter, catalog, projectors } from '#assembly';
import type { Caller } from '#kernel';
import type { Turn } from '#projections';
import { Database, migrate, readMigrations, type Read } from '#storage';

export const MIGRATIONS = join(process.cwd(), 'migrations');

/** A house without threads: the real writer, projectors and reads on a real file, called directly. */
export interface TestHouse {
  path: string;
  db: Database;
  writer: Writer;
  log: SqliteAuditLog;
  ask<I, A>(read: Read<I, A>, input: I): A;
  close(): void;
}

export function openTestHouse(): TestHouse {
  const directory = mkdtempSync(join(tmpdir(), 'abathur-'));
  const path = join(directory, 'abathur.db');
  const db = Database.open({ path, synchronous: 'NORMAL' });
  migrate(db, readMigrations(MIGRATIONS));
  const writer = assembleWriter(db);
  return {
    path,
    db,
    writer,
    log: new SqliteAuditLog(db, catalog, directly(writer)),
    ask: (read, input) => read.run(db, input),
    close: () => {
      db.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** Brings every projection that follows the log to its head. */
export async function catchUp({ log }: Pick<TestHouse, 'log'>): Promise<void> {
  for (const { name, mode } of projectors) {
    if (mode === 'inline') continue;
    while ((await log.chore<Turn>('catch-up', name)).events > 0);
  }
}

export const caller = (overrides: Partial<Caller> = {}): Caller => ({
  actor: 'tester',
  time: new Date().toISOString(),
  request_id: 'test',
  correlation_id: 'test',
  ...overrides,
});
