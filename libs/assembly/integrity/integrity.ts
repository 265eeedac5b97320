import { existsSync } from 'node:fs';
import { vectorFlaws } from '#search';
import { Database, sql } from '#storage';
import { openModel } from '../model.js';
import { checkFile, checkForeignKeys, readHead, type FileHead } from './check-file.js';
import { checkBooks, checkChain } from './check-log.js';
import { checkTables, checkWordIndexes, deriveAgain } from './check-tables.js';
import { Findings, RESTORE, type CheckName, type CheckResult, type IntegrityReport } from './report.js';

/** How far a run is, in entries and rows. */
export interface IntegrityProgress {
  done: number;
  total: number;
}

/**
 * All checks of a database file, on a connection of their own that only reads. They see the file as it was when they
 * began, however much is written meanwhile: nobody waits for them, but the write-ahead log is kept until they are through.
 * `descriptor` is the file, kept open: needed where this process has the database open otherwise, see {@link readHead}.
 */
export function checkIntegrity(
  path: string,
  onProgress: (progress: IntegrityProgress) => void,
  descriptor?: number,
): IntegrityReport {
  const begin = performance.now();
  const started_at = new Date().toISOString();
  const head = existsSync(path) ? readHead(path, descriptor) : undefined;
  const db = Database.open({ path, readonly: true });
  const scratch = openModel();
  try {
    // The file is opened to read only; a temporary table, which the comparison of words needs, is none of its business.
    db.pragma('query_only = OFF');
    let report: IntegrityReport | undefined;
    const look = (): void => {
      const position = headOf(db);
      const checks = runChecks(db, scratch, head!, position, onProgress);
      report = {
        ok: checks.every(({ ok }) => ok),
        position,
        started_at,
        finished_at: new Date().toISOString(),
        seconds: Math.round(performance.now() - begin) / 1000,
        checks,
      };
    };
    try {
      db.savepoint(look);
    } catch (error) {
      // A broken page may be told of once more where the savepoint ends; it is in the report already.
      if (report === undefined) throw error;
    }
    return report!;
  } finally {
    scratch.close();
    db.close();
  }
}

function headOf(db: Database): number {
  try {
    return db.one<{ position: number }>(sql`SELECT coalesce(max(position), 0) AS position FROM audit`)!.position;
  } catch {
    return 0;
  }
}

function runChecks(
  db: Database,
  scratch: Database,
  fileHead: FileHead,
  head: number,
  onProgress: (progress: IntegrityProgress) => void,
): CheckResult[] {
  // The chain and the derivation each go through the log; the rest is told when it is done.
  const total = 2 * head;
  let done = 0;
  const progress = (more: number): void => onProgress({ done: (done += more), total });
  onProgress({ done, total });

  let derived = false;
  const checks: [CheckName, (findings: Findings) => void][] = [
    ['sqlite', (findings) => checkFile(db, scratch, fileHead, findings)],
    ['foreign-keys', (findings) => checkForeignKeys(db, findings)],
    [
      'chain',
      (findings) => {
        checkChain(db, findings, progress);
        checkBooks(db, scratch, findings);
      },
    ],
    [
      'tables',
      (findings) => {
        deriveAgain(db, scratch, progress);
        derived = true;
        checkTables(db, scratch, findings, 'rows');
      },
    ],
    [
      'words',
      (findings) => {
        checkWordIndexes(db, findings);
        // Words that could not be derived cannot be compared; the check of tables has said why.
        if (derived) checkTables(db, scratch, findings, 'words');
      },
    ],
    ['vectors', (findings) => checkVectors(db, findings)],
  ];
  return checks.map(([name, check]) => {
    const findings = new Findings(name);
    try {
      check(findings);
    } catch (error) {
      findings.add({ where: 'the file', what: `cannot be read: ${(error as Error).message}`, remedy: RESTORE });
    }
    return findings.result();
  });
}

function checkVectors(db: Database, findings: Findings): void {
  const flaws = vectorFlaws(db);
  for (;;) {
    const next = flaws.next();
    if (next.done === true) {
      findings.checked = next.value;
      return;
    }
    const { table, row, what } = next.value;
    findings.add({
      where: `${table} ${row}`.trimEnd(),
      what,
      remedy: 'Vectors are a cache: without the row, its text is embedded again.',
    });
  }
}
