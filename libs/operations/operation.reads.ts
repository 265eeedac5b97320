import { decodeCursor, toPage, type Page } from '#kernel';
import { and, defineRead, sql, type Sql } from '#storage';
import { LEASE_SECONDS, type Operation, type OperationStatus } from './operation.js';

interface OperationRow extends Omit<Operation, 'id' | 'progress' | 'result'> {
  place: number;
  id: string;
  done: number;
  total: number;
  result: string | null;
}

/** An operation, as whoever asks at `uptime` (seconds since the machine started) sees it. */
export const operationById = defineRead(
  'operations.by-id',
  (db, { id, uptime }: { id: string; uptime: number }): Operation | null => {
    const row = db.one<OperationRow>(sql`SELECT ${columns(uptime)} FROM operations WHERE operation_id = ${id}`);
    return row === undefined ? null : toOperation(row);
  },
);

export interface OperationsInput {
  kind?: string;
  status?: OperationStatus;
  uptime: number;
  limit: number;
  cursor?: string;
}

/** Operations by filter, newest first. */
export const operationsPage = defineRead(
  'operations.page',
  (db, { uptime, limit, cursor, ...filter }: OperationsInput): Page<Operation> => {
    const list = ['operations', filter];
    const [last] = decodeCursor<[number]>(list, cursor) ?? [];
    const conditions: Sql[] = [];
    if (last !== undefined) conditions.push(sql`operations.id < ${last}`);
    if (filter.kind !== undefined) conditions.push(sql`kind = ${filter.kind}`);
    if (filter.status !== undefined) conditions.push(sql`${statusAt(uptime)} = ${filter.status}`);
    const rows = db.all<OperationRow>(
      sql`SELECT ${columns(uptime)} FROM operations WHERE ${and(conditions)} ORDER BY operations.id DESC LIMIT ${limit + 1}`,
    );
    return toPage(list, rows, limit, ({ place }) => [place], toOperation);
  },
);

/** What the last operation of one of these kinds came to that came to its end. */
export const lastResult = defineRead('operations.last-result', (db, kinds: string[]): object | null => {
  const row = db.one<{ result: string }>(
    sql`SELECT result FROM operations WHERE kind IN (SELECT value FROM json_each(${JSON.stringify(kinds)})) AND status = 'succeeded' ORDER BY id DESC LIMIT 1`,
  );
  return row === undefined ? null : (JSON.parse(row.result) as object);
});

/** Which operation of one of these kinds is under way, as whoever asks at `uptime` sees it. */
export const runningOperation = defineRead(
  'operations.running',
  (db, { kinds, uptime }: { kinds: string[]; uptime: number }): string | null => {
    const row = db.one<{ id: string }>(
      sql`SELECT operation_id AS id FROM operations WHERE status = 'running' AND NOT ${silent(uptime)}
            AND kind IN (SELECT value FROM json_each(${JSON.stringify(kinds)})) ORDER BY operations.id LIMIT 1`,
    );
    return row?.id ?? null;
  },
);

/**
 * Whether the process that does it has been silent for too long. A beat from the future is one from before the machine
 * started anew, or from another machine.
 */
export const silent = (uptime: number): Sql => sql`beat NOT BETWEEN ${uptime - LEASE_SECONDS} AND ${uptime + 1}`;

const statusAt = (uptime: number): Sql => sql`iif(status = 'running' AND ${silent(uptime)}, 'interrupted', status)`;

const columns = (uptime: number): Sql =>
  sql`operations.id AS place, operation_id AS id, kind, ${statusAt(uptime)} AS status, done, total, result, error, started_at, finished_at`;

function toOperation({ place: _, done, total, result, ...operation }: OperationRow): Operation {
  const parsed = result === null ? null : (JSON.parse(result) as object);
  return { ...operation, progress: { done, total }, result: parsed };
}

export const operationReads = [operationById, operationsPage, lastResult, runningOperation];
