import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DomainError } from '#kernel';
import type { Database } from './database.js';
import { sql } from './sql.js';

export interface Migration {
  version: number;
  name: string;
  script: string;
  checksum: string;
}

/** The numbered SQL files of a directory, in order: `0001_audit.sql`, `0002_…`. A number may be missing, none comes twice. */
export function readMigrations(directory: string): Migration[] {
  const migrations = readdirSync(directory)
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => {
      const script = readFileSync(join(directory, file), 'utf8');
      const checksum = createHash('sha256').update(script).digest('hex');
      return { version: Number.parseInt(file, 10), name: file, script, checksum };
    });
  migrations.forEach(({ version, name }, index) => {
    const before = migrations[index - 1]?.version ?? 0;
    if (!(version > before))
      throw new Error(`Migrations are numbered one after the other, but ${name} follows ${before}`);
  });
  return migrations;
}

/**
 * Brings the schema up to date, forward only, all in one transaction. Refuses a database whose past differs from
 * these files, and one that is newer than this program. Returns the names of what was applied.
 */
export function migrate(db: Database, migrations: Migration[]): string[] {
  return db.transaction(() => {
    db.exec(`CREATE TABLE IF NOT EXISTS schema_migrations (
      version    INTEGER PRIMARY KEY,
      name       TEXT NOT NULL,
      checksum   TEXT NOT NULL,
      applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    ) STRICT`);
    const applied = db.all<{ version: number; name: string; checksum: string }>(
      sql`SELECT version, name, checksum FROM schema_migrations ORDER BY version`,
    );
    refuseAnotherPast(applied, migrations);
    const known = new Set(applied.map(({ version }) => version));
    const pending = migrations.filter(({ version }) => !known.has(version));
    for (const { version, name, script, checksum } of pending) {
      db.exec(script);
      db.run(sql`INSERT INTO schema_migrations (version, name, checksum) VALUES (${version}, ${name}, ${checksum})`);
    }
    return pending.map(({ name }) => name);
  });
}

function refuseAnotherPast(applied: Pick<Migration, 'version' | 'name' | 'checksum'>[], migrations: Migration[]): void {
  const files = new Map(migrations.map((migration) => [migration.version, migration]));
  for (const { version, name, checksum } of applied) {
    const here = files.get(version);
    if (here === undefined) {
      throw new DomainError(
        'unavailable',
        'database-too-new',
        `The database has migration ${name}, which this program does not know.`,
        {
          hint: 'Start the newer program that made this database, or restore a backup from before it.',
        },
      );
    }
    if (here.checksum !== checksum) {
      throw new DomainError(
        'unavailable',
        'migration-changed',
        `Migration ${name} was applied with other contents than ${here.name} has now.`,
        {
          hint: 'Put the file back as it was; changes go into a new file with the next number.',
        },
      );
    }
  }
}
