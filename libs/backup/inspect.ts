import { verifySlice, witnessedHead } from '#audit-log';
import { DomainError } from '#kernel';
import { Database, sql } from '#storage';

/** What a database file holds, once everything that can be checked in it holds. */
export interface Contents {
  schema_version: number;
  log: { position: number; entry_hash: string; time: string | null };
}

const SLICE = 10_000;

/** Checks a whole file: pages, references, and the chain to its head. Refuses it with the first thing that is wrong. */
export function inspect(path: string, onEntries: (checked: number, of: number) => void = () => undefined): Contents {
  const db = Database.open({ path, readonly: true });
  try {
    for (const table of ['audit', 'schema_migrations', 'projections']) {
      if (!db.hasTable(table)) throw unsound(path, `it has no table ${table}, so it is no database of this program`);
    }
    const flaw = db.pragma<string>('integrity_check(1)');
    if (flaw !== 'ok') throw unsound(path, flaw);
    const [orphan] = db.all<{ table: string; rowid: number }>(sql`SELECT "table", rowid FROM pragma_foreign_key_check`);
    if (orphan !== undefined)
      throw unsound(path, `row ${orphan.rowid} of ${orphan.table} refers to something that is not there`);
    checkChain(db, path, onEntries);
    return contentsOf(db);
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string };
    if (code.startsWith('SQLITE_')) throw unsound(path, message);
    throw error;
  } finally {
    db.close();
  }
}

export function contentsOf(db: Database): Contents {
  const { version } = db.one<{ version: number }>(
    sql`SELECT coalesce(max(version), 0) AS version FROM schema_migrations`,
  )!;
  const log = db.one<Contents['log']>(
    sql`SELECT position, lower(hex(entry_hash)) AS entry_hash, timestamp AS time FROM audit ORDER BY position DESC LIMIT 1`,
  );
  return { schema_version: version, log: log ?? { position: 0, entry_hash: '0'.repeat(64), time: null } };
}

function checkChain(db: Database, path: string, onEntries: (checked: number, of: number) => void): void {
  // A checkpoint that is ahead of the log tells of entries that were cut off its end.
  const head = witnessedHead.run(db, null);
  for (let from = 1; from <= head; from += SLICE) {
    const { broken_at, reason, checked } = verifySlice.run(db, { from, to: Math.min(head, from + SLICE - 1) });
    if (broken_at !== undefined) throw unsound(path, `the chain is broken at ${broken_at}: ${reason}`);
    onEntries(from - 1 + checked, head);
  }
}

const unsound = (path: string, reason: string): DomainError =>
  new DomainError('invalid', 'database-unsound', `${path} is not sound: ${reason}.`, {
    hint: 'Restore the last good backup: abathur rollback --dry-run says which that is.',
  });
