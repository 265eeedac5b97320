import { Database, sql, type Reader, type Sql } from '#storage';
import { reads } from './features.js';
import { openModel } from './model.js';

/** How the database is asked one question of the product, as SQLite plans it on this file. */
export interface QuestionPlan {
  question: string;
  indexes: string[];
  /** Tables that it would read from end to end. */
  scans: string[];
}

export interface DatabaseReport {
  tables: { name: string; readable: boolean }[];
  indexes: string[];
  /** What the migrations make and the file does not hold. */
  missing: string[];
  plans: QuestionPlan[];
}

/** Questions that are asked all day, each with an input that asks for little. */
const QUESTIONS: Record<string, object> = {
  'sessions.with-state': { session_id: 'nobody' },
  'sessions.with-events': { session_id: 'nobody', num_recent_events: 10 },
  'sessions.page': { user_id: 'nobody', limit: 1 },
  'memories.if-any': { namespace: 'user:nobody', key: 'nothing', now: '2000-01-01' },
  'memories.page': { namespace_prefix: 'user:nobody', now: '2000-01-01', limit: 1 },
  'memories.history': { namespace: 'user:nobody', key: 'nothing', limit: 1 },
  'audit.events': { namespace_prefix: 'user:nobody', order: 'desc', limit: 1 },
  'tasks.page': { status: 'pending', limit: 1 },
  'tasks.next': { agent_type: 'nobody', agent_id: 'nobody' },
  'documents.page': { sync_status: 'synced', limit: 1 },
};

/**
 * What the file holds and how it is asked: costs milliseconds, whatever its size. Whether it is sound says the integrity
 * check. On a connection of its own, because one that has told a plan before tells it again, whatever became of the indexes.
 */
export function databaseReport(path: string): DatabaseReport {
  const db = Database.open({ path, readonly: true });
  try {
    return reportOf(db);
  } finally {
    db.close();
  }
}

function reportOf(db: Database): DatabaseReport {
  const held = schemaOf(db);
  const names = new Set(held.map(({ name }) => name));
  return {
    tables: held.filter(({ type }) => type !== 'index').map(({ name }) => ({ name, readable: isReadable(db, name) })),
    indexes: held.filter(({ type }) => type === 'index').map(({ name }) => name),
    missing: modelNames().filter((name) => !names.has(name)),
    plans: Object.entries(QUESTIONS).map(([question, input]) => ({ question, ...planOf(db, question, input) })),
  };
}

interface Item {
  type: 'table' | 'view' | 'index';
  name: string;
}

const schemaOf = (db: Database): Item[] =>
  db.all<Item>(sql`SELECT type, name FROM sqlite_schema
                   WHERE (type IN ('table', 'view') OR (type = 'index' AND sql IS NOT NULL)) AND name NOT GLOB 'sqlite_*'
                   ORDER BY type, name`);

let model: string[] | undefined;

/** What a new file would hold. */
function modelNames(): string[] {
  if (model !== undefined) return model;
  const db = openModel();
  try {
    return (model = schemaOf(db).map(({ name }) => name));
  } finally {
    db.close();
  }
}

function isReadable(db: Database, name: string): boolean {
  try {
    db.one({ text: `SELECT 1 FROM "${name}" LIMIT 1`, params: [] });
    return true;
  } catch {
    return false;
  }
}

/** Asks the question, and for each statement that this takes the plan. */
function planOf(db: Database, question: string, input: object): { indexes: string[]; scans: string[] } {
  const asked: Sql[] = [];
  const listening: Reader = {
    one: (statement) => (asked.push(statement), db.one(statement)),
    all: (statement) => (asked.push(statement), db.all(statement)),
    iterate: (statement) => (asked.push(statement), db.iterate(statement)),
    snapshot: (work) => db.snapshot(work),
  };
  try {
    reads.get(question)!.run(listening, input);
  } catch {
    // What nobody has cannot be found: the statements were asked for all the same.
  }
  const steps = asked.flatMap(({ text, params }) =>
    db.all<{ detail: string }>({ text: `EXPLAIN QUERY PLAN ${text}`, params }).map(({ detail }) => detail),
  );
  const made = steps.flatMap((step) => /^MATERIALIZE (\w+)$/.exec(step)?.[1] ?? []);
  const scans = steps.flatMap((step) => /^SCAN (\w+)$/.exec(step)?.[1] ?? []).filter((name) => !made.includes(name));
  const indexes = steps.flatMap((step) => / INDEX (\w+)/.exec(step)?.[1] ?? []);
  return { indexes: [...new Set(indexes)].toSorted(), scans: [...new Set(scans)].toSorted() };
}
