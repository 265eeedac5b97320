import { canonicalJson, conflict, type JsonObject } from '#kernel';
import { sql, type Database } from '#storage';
import type { Operation } from './operation.js';
import { runningOperation, silent } from './operation.reads.js';

/** How an operation stands, as its process reports it. */
export interface OperationReport extends Operation {
  /** Seconds since the machine started. */
  uptime: number;
}

/** How many of each kind are remembered, and for how long. */
const KEPT_OF_A_KIND = 1000;
const KEPT_DAYS = 90;

/**
 * Writes how operations stand; in the writer's transaction. One that was taken for dead and lives after all is running
 * again. What has ended stays as it ended.
 */
export function reportOperations(db: Database, reports: OperationReport[]): void {
  for (const { id, kind, status, progress, result, error, started_at, finished_at, uptime } of reports) {
    const text = result === null ? null : canonicalJson(result as JsonObject);
    db.run(
      sql`INSERT INTO operations (operation_id, kind, status, done, total, result, error, started_at, finished_at, beat)
          VALUES (${id}, ${kind}, ${status}, ${progress.done}, ${progress.total}, ${text}, ${error}, ${started_at},
            ${finished_at}, ${uptime})
          ON CONFLICT (operation_id) DO UPDATE SET status = excluded.status, done = excluded.done,
            total = excluded.total, result = excluded.result, error = excluded.error,
            finished_at = excluded.finished_at, beat = excluded.beat
          WHERE status IN ('running', 'interrupted')`,
    );
  }
}

/** Work that is not begun while work of one of these kinds is under way, in whatever process. */
export interface Alone {
  kinds: string[];
  /** How whoever comes second is refused. */
  code: string;
  message: string;
}

/** What an operation is before its work begins. */
export interface OperationStart extends OperationReport {
  alone?: Alone;
}

/** Writes down that work begins: in the one transaction in which nobody else can, so that two never begin at once. */
export function beginOperation(db: Database, { alone, ...report }: OperationStart): Operation {
  const { uptime, ...operation } = report;
  if (alone !== undefined) refuseBeside(db, alone, uptime);
  reportOperations(db, [report]);
  return operation;
}

function refuseBeside(db: Database, { kinds, code, message }: Alone, uptime: number): void {
  const running = runningOperation.run(db, { kinds, uptime });
  if (running === null) return;
  throw conflict(code, message, `GET /v1/operations/${running} tells how far it is.`);
}

/** Writes down whose process is gone, and forgets what is old. Running ones are never forgotten. */
export function tidyOperations(db: Database, { time, uptime }: { time: string; uptime: number }): void {
  db.run(
    sql`UPDATE operations SET status = 'interrupted', finished_at = ${time}
        WHERE status = 'running' AND ${silent(uptime)}`,
  );
  const before = new Date(Date.parse(time) - KEPT_DAYS * 24 * 3600 * 1000).toISOString();
  for (const { kind } of db.all<{ kind: string }>(sql`SELECT DISTINCT kind FROM operations`)) {
    db.run(
      sql`DELETE FROM operations WHERE kind = ${kind} AND status <> 'running' AND (started_at < ${before} OR id <=
            (SELECT id FROM operations WHERE kind = ${kind} ORDER BY id DESC LIMIT 1 OFFSET ${KEPT_OF_A_KIND}))`,
    );
  }
}
