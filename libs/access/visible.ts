import type { Visibility } from '#kernel';
import { sql, type Reader, type Sql } from '#storage';

/**
 * The namespaces that somebody sees, as a condition beside the other filters, so that pages are full and counts are right.
 * A namespace belongs to whom its second segment names, compared as a whole.
 */
export function seesNamespace(who: Visibility, namespace: string): Sql {
  const { app, users, projects } = who;
  return sql`(${within(namespace, 'user', users)} OR ${within(namespace, 'app', [app])}
    OR ${within(namespace, 'project', projects)}
    OR (${range(namespace, 'session')} AND ${seesOfSession(who, owning(namespace, 'session'))}))`;
}

/** Whether somebody sees one namespace. */
export const isSeen = (db: Reader, who: Visibility, namespace: string): boolean =>
  db.one(sql`SELECT 1 AS seen FROM (SELECT ${namespace} AS namespace) n WHERE ${seesNamespace(who, 'n.namespace')}`) !==
  undefined;

/** Whether somebody sees what is of one session. */
export const isSeenOfSession = (db: Reader, who: Visibility, session_id: string): boolean =>
  db.one(sql`SELECT 1 AS seen WHERE ${seesOfSession(who, sql`${session_id}`)}`) !== undefined;

/** The sessions that somebody sees, over a row of `sessions`: a session in a project shows what the project shares. */
export const seesSession = ({ app, users, projects }: Visibility, row: string): Sql =>
  sql`(${raw(row)}.app_name = ${app} AND ${raw(row)}.user_id IN ${listed(users)}
    AND (${raw(row)}.project_id IS NULL OR ${raw(row)}.project_id IN ${listed(projects)}))`;

/** What belongs to a session, by its id: who sees the one sees the other. What is of none, nobody does who is bound. */
export const seesOfSession = (who: Visibility, session: Sql): Sql =>
  sql`EXISTS (SELECT 1 FROM sessions s WHERE s.session_id = ${session} AND ${seesSession(who, 's')})`;

const within = (namespace: string, scope: string, names: string[]): Sql =>
  names.length === 0 ? raw('0') : sql`(${range(namespace, scope)} AND ${owning(namespace, scope)} IN ${listed(names)})`;

/** `;` follows `:`, so between the two lies what begins with the scope and a colon. */
const range = (namespace: string, scope: string): Sql =>
  raw(`${namespace} >= '${scope}:' AND ${namespace} < '${scope};'`);

/** The segment after the scope. */
const owning = (namespace: string, scope: string): Sql => {
  const rest = `substr(${namespace}, ${scope.length + 2})`;
  return raw(`substr(${rest}, 1, instr(${rest} || ':', ':') - 1)`);
};

const listed = (names: string[]): Sql => sql`(SELECT value FROM json_each(${JSON.stringify(names)}))`;

const raw = (text: string): Sql => ({ text, params: [] });
