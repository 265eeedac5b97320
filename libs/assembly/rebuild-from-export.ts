import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { importLog, LogReader } from '#audit-log';
import { conflict, DomainError } from '#kernel';
import { Projections } from '#projections';
import { Database, makeDirectory, migrate, readMigrations } from '#storage';
import { eraseAgain } from './erasure/erase-file.js';
import { catalog, projectors } from './features.js';
import { PROJECT_ROOT } from './project.js';

export interface RebuiltFile {
  file: string;
  entries: number;
  entry_hash: string;
  time: string | null;
  /** How many erasures were done again, because the export is older than they are. */
  erased_again: number;
  seconds: { import: number; project: number };
}

/** Told how far the reading of the export is, in bytes, and then the projecting, in entries. */
export type OnRebuiltFile = (phase: 'import' | 'project', done: number, total: number) => void;

const PAGE = 5000;

/**
 * Makes a database from an export of the log and nothing else. It grows under another name and gets its own when everything
 * in it has been verified and projected, so that there is a whole one or none.
 */
export async function rebuildFromExport(
  from: string,
  to: string,
  onProgress: OnRebuiltFile,
  /** A list of erasures: what it says is erased from the new database, too. */
  erasures?: string,
): Promise<RebuiltFile> {
  refuseExisting(to);
  makeDirectory(dirname(to));
  const part = `${to}.part`;
  removeFiles(part);
  try {
    const made = await make(from, part, onProgress);
    const erased = erasures === undefined ? [] : await eraseAgain({ path: part, synchronous: 'NORMAL' }, erasures);
    settle(part, to);
    return { file: to, ...made, erased_again: erased.length };
  } catch (error) {
    if ((error as { code?: string }).code !== 'SQLITE_FULL') throw error;
    throw new DomainError('storage-full', 'storage-full', `There is no room for ${to}; no database was made.`, {
      hint: 'Free space on its partition and run the same command again.',
    });
  } finally {
    removeFiles(part);
  }
}

async function make(
  from: string,
  part: string,
  onProgress: OnRebuiltFile,
): Promise<Omit<RebuiltFile, 'file' | 'erased_again'>> {
  const db = Database.open({ path: part, purpose: 'scratch' });
  try {
    const begin = performance.now();
    migrate(db, readMigrations(join(PROJECT_ROOT, 'migrations')));
    const imported = await importLog(db, from, (done, total) => onProgress('import', done, total));
    const between = performance.now();
    await projectAll(db, imported, onProgress);
    const end = performance.now();
    return { ...imported, seconds: { import: seconds(between - begin), project: seconds(end - between) } };
  } finally {
    db.close();
  }
}

async function projectAll(
  db: Database,
  { entries, time }: { entries: number; time: string | null },
  onProgress: OnRebuiltFile,
): Promise<void> {
  const projections = new Projections(db, new LogReader(db, catalog), projectors);
  db.transaction(() => projections.register(time ?? new Date(0).toISOString()));
  for (let position = 0; position < entries;) {
    position = db.transaction(() => projections.advance(projectors, PAGE)).position;
    onProgress('project', position, entries);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [broken] = db.all<{ table: string; rowid: number }>({ text: 'PRAGMA foreign_key_check', params: [] });
  if (broken !== undefined)
    throw conflict('rebuilt-reference', `Row ${broken.rowid} of ${broken.table} refers to nothing.`);
}

function refuseExisting(to: string): void {
  const there = ['', '-wal', '-shm'].map((suffix) => `${to}${suffix}`).find((path) => existsSync(path));
  if (there === undefined) return;
  throw conflict('target-exists', `${there} is there already, and stays.`, 'Name a file that is not there yet.');
}

/** Gives the file its name once it is on the disk; a name that somebody else has taken meanwhile stays theirs. */
function settle(part: string, to: string): void {
  sync(part);
  try {
    linkSync(part, to);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
    refuseExisting(to);
  }
  sync(dirname(to));
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function removeFiles(path: string): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
}

const seconds = (milliseconds: number): number => Math.round(milliseconds) / 1000;
