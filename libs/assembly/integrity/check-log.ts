import {
  commitSum,
  erasedUnasked,
  flawedNode,
  treeRoot,
  verifySlice,
  witnessedHead,
  type StoredCommit,
} from '#audit-log';
import { sql, type Database } from '#storage';
import { RESTORE, type Findings } from './report.js';

/** Entries that are verified at a time. */
const SLICE = 10_000;

/** The chain: every commitment, every link, no position missing, nothing cut off the end. */
export function checkChain(db: Database, findings: Findings, progress: (done: number) => void): void {
  const last = witnessedHead.run(db, null);
  for (let from = 1; from <= last; from += SLICE) {
    const { checked, broken_at, reason } = verifySlice.run(db, { from, to: Math.min(from + SLICE - 1, last) });
    findings.checked += checked;
    progress(checked);
    if (broken_at !== undefined) {
      findings.add({ where: `audit ${broken_at}`, what: reason!, remedy: RESTORE });
      return;
    }
  }
  const unasked = erasedUnasked.run(db, { from: 1, to: last });
  if (unasked !== null) findings.add({ where: `audit ${unasked.broken_at}`, what: unasked.reason!, remedy: RESTORE });
}

/** The bookkeeping of the log that is not derived from it: answers by key, checkpoints, migrations. */
export function checkBooks(db: Database, model: Database, findings: Findings): void {
  checkCheckpoints(db, findings);
  checkMigrations(db, model, findings);
  checkCommits(db, findings);
  checkTree(db, findings);
}

function checkCheckpoints(db: Database, findings: Findings): void {
  const rows = db.all<{
    name: string;
    position: number;
    mode: string;
    updated_at: string;
    time: string | null;
    head: number;
  }>(
    sql`SELECT name, mode, p.position, updated_at, a.timestamp AS time, (SELECT coalesce(max(position), 0) FROM audit) AS head
        FROM projections p LEFT JOIN audit a ON a.position = p.position`,
  );
  for (const { name, position, updated_at, time, head } of rows) {
    findings.checked += 1;
    const remedy = `Rebuild it from the log: abathur projections rebuild ${name}.`;
    if (position > head)
      findings.add({
        where: `projections ${name}`,
        what: `is at ${position}, the log ends at ${head}`,
        remedy: RESTORE,
      });
    else if (position > 0 && updated_at !== time)
      findings.add({ where: `projections ${name}`, what: 'has the time of another entry', remedy });
  }
}

function checkMigrations(db: Database, model: Database, findings: Findings): void {
  const read = sql`SELECT version, name, checksum FROM schema_migrations ORDER BY version`;
  const [here, there] = [db.all(read), model.all(read)].map((rows) => JSON.stringify(rows));
  findings.checked += 1;
  if (here !== there) {
    findings.add({ where: 'schema_migrations', what: 'does not list the migrations of this program', remedy: RESTORE });
  }
}

/** Answers that are kept for their keys. */
function checkCommits(db: Database, findings: Findings): void {
  const rows = db.iterate<StoredCommit & { id: number; crc32: number | null }>(
    sql`SELECT id, commit_id, fingerprint, answer, created_at, crc32 FROM commits ORDER BY id`,
  );
  for (const { id, crc32, ...commit } of rows) {
    findings.checked += 1;
    if (crc32 === null || crc32 === commitSum(commit)) continue;
    findings.add({
      where: `commits ${id}`,
      what: 'is not the answer that was kept',
      remedy: 'It is forgotten within a day; until then the same request may be answered wrongly.',
    });
  }
}

/** The Merkle tree over the entries, and the heads of it that were signed. */
function checkTree(db: Database, findings: Findings): void {
  const { head } = db.one<{ head: number }>(sql`SELECT coalesce(max(position), 0) AS head FROM audit`)!;
  for (let from = 1; from <= head; from += SLICE) {
    const wrong = flawedNode.run(db, { from, to: Math.min(from + SLICE - 1, head) });
    if (wrong === undefined) continue;
    findings.add({
      where: 'log_nodes',
      what: `the tree is wrong at entry ${wrong}`,
      remedy: 'It can be grown again from the entries: empty log_nodes, and the next write does it.',
    });
    break;
  }
  for (const { id, root } of db.all<{ id: number; root: Buffer }>(
    sql`SELECT id, root FROM log_checkpoints ORDER BY id`,
  )) {
    findings.checked += 1;
    if (treeRoot.run(db, id)?.equals(root) === true) continue;
    findings.add({
      where: `log_checkpoints ${id}`,
      what: 'is not the root of the entries up to there',
      remedy: RESTORE,
    });
  }
}
