import { createPatch, type Operation } from 'rfc6902';
import { decodeCursor, encodeCursor, streamParts, type JsonObject, type Page } from '#kernel';
import { defineRead, join, sql, type Read, type Reader, type Sql } from '#storage';
import { thingOf, type Thing } from './thing.js';
import { inNamespace } from './audit.filter.js';

/** What a thing was at a position, for whoever compares two of them. */
export interface Snapshot {
  version: number;
  document: JsonObject;
}

/** For each kind of stream whose things can be compared: the thing at a position; `null`: it was not there. */
export type Snapshots = Record<string, (db: Reader, id: string[], position: number) => Snapshot | null>;

export interface Change extends Thing {
  change: 'created' | 'changed' | 'deleted';
  from_version: number | null;
  to_version: number | null;
  /** RFC 6902: what turns what was into what is. */
  patch: Operation[];
  /** The first entry after `from` that concerns it. */
  position: number;
}

export interface DiffInput {
  from: number;
  to: number;
  namespace_prefix?: string;
  /** Only this stream. */
  stream?: string;
  limit: number;
  cursor?: string;
}

/** Most entries that one page looks at; it may end early then, with a cursor. */
const WALK = 20_000;

/**
 * What became different between two positions, in the order in which things were first touched. What was changed and
 * changed back is no difference.
 */
export const diffOf = (snapshots: Snapshots): Read<DiffInput, Page<Change>> =>
  defineRead('audit.diff', (db, input: DiffInput): Page<Change> => {
    const { from, to, limit, cursor, ...filter } = input;
    const list = ['diff', from, to, filter];
    const [seen] = decodeCursor<[number]>(list, cursor) ?? [];
    const items: Change[] = [];
    let after = Math.max(from, seen ?? 0);
    const end = Math.min(to, after + WALK);
    while (after < end) {
      const touched = firstTouches(db, { ...input, after, end, kinds: Object.keys(snapshots) });
      for (const { position, stream } of touched) {
        const change = changeOf(db, snapshots, stream, input);
        after = position;
        if (change === undefined) continue;
        items.push({ ...change, position });
        if (items.length === limit && after < to) return { items, next_cursor: encodeCursor(list, [after]) };
      }
      if (touched.length < TOUCHES) after = end;
    }
    return { items, next_cursor: end < to ? encodeCursor(list, [end]) : null };
  });

const TOUCHES = 200;

interface Touches extends DiffInput {
  after: number;
  end: number;
  kinds: string[];
}

/** Entries that are the first of their stream after `from`. */
function firstTouches(
  db: Reader,
  { from, after, end, kinds, namespace_prefix, stream }: Touches,
): { position: number; stream: string }[] {
  const conditions: Sql[] = [sql`a.position > ${after}`, sql`a.position <= ${end}`];
  if (stream !== undefined) conditions.push(sql`a.stream = ${stream}`);
  else if (namespace_prefix !== undefined) conditions.push(inNamespace(namespace_prefix));
  else {
    const ofKind = kinds.map((kind) => sql`(+a.stream >= ${`${kind}:`} AND +a.stream < ${`${kind};`})`);
    conditions.push(sql`(${join(ofKind, ' OR ', '0')})`);
  }
  return db.all(
    sql`SELECT a.position, a.stream FROM audit a
        WHERE ${join(conditions, ' AND ', '1')} AND NOT EXISTS
          (SELECT 1 FROM audit b WHERE b.stream = a.stream AND b.stream_version = a.stream_version - 1
             AND b.position > ${from})
        ORDER BY a.position LIMIT ${TOUCHES}`,
  );
}

function changeOf(
  db: Reader,
  snapshots: Snapshots,
  stream: string,
  { from, to }: DiffInput,
): Omit<Change, 'position'> | undefined {
  const [kind, ...id] = streamParts(stream);
  const snapshot = snapshots[kind];
  if (snapshot === undefined) return undefined;
  const before = snapshot(db, id, from);
  const after = snapshot(db, id, to);
  const thing = thingOf(stream);
  const versions = { from_version: before?.version ?? null, to_version: after?.version ?? null };
  if (before === null && after === null) return undefined;
  if (before === null) {
    return { ...thing, change: 'created', ...versions, patch: [{ op: 'add', path: '', value: after!.document }] };
  }
  if (after === null) return { ...thing, change: 'deleted', ...versions, patch: [{ op: 'remove', path: '' }] };
  const patch = createPatch(before.document, after.document);
  return patch.length === 0 ? undefined : { ...thing, change: 'changed', ...versions, patch };
}
