import { and, defineRead, sql } from '#storage';
import type { MemoryType } from './memory.events.js';
import { memoryConditions } from './memory.filter.js';

export interface OldMemoriesInput {
  namespace_prefix?: string;
  memory_type: MemoryType;
  /** Last written before this, ISO-8601 UTC. */
  before: string;
  /** What has ended by then is gone. */
  now: string;
  limit: number;
  /** Only ids above this one. */
  after: number;
}

export interface OldMemory {
  id: number;
  namespace: string;
  key: string;
  version: number;
  updated_at: string;
}

/** Memories in lists that nobody has written for long, oldest version first. */
export const oldMemories = defineRead('memories.old', (db, input: OldMemoriesInput): OldMemory[] => {
  const { before, limit, after, ...filter } = input;
  const conditions = [sql`id > ${after}`, sql`updated_at < ${before}`, ...memoryConditions(filter)];
  return db.all<OldMemory>(
    sql`SELECT id, namespace, key, version, updated_at FROM memory_entries m
        WHERE ${and(conditions)} ORDER BY id LIMIT ${limit}`,
  );
});

export interface OldNamespacesInput {
  namespace_prefix?: string;
  before: string;
  /** What has ended by then is gone. */
  now: string;
  /** Fewer episodes than this need no summary. */
  least: number;
  limit: number;
}

/** Namespaces with enough old episodes for a summary. */
export const namespacesWithEpisodes = defineRead(
  'memories.episodes-by-namespace',
  (db, { namespace_prefix, before, now, least, limit }: OldNamespacesInput): string[] => {
    const conditions = memoryConditions({ namespace_prefix, memory_type: 'episodic', now });
    return db
      .all<{ namespace: string }>(
        sql`SELECT namespace FROM memory_entries m WHERE ${and(conditions)} AND updated_at < ${before}
            GROUP BY namespace HAVING count(*) >= ${least} ORDER BY namespace LIMIT ${limit}`,
      )
      .map(({ namespace }) => namespace);
  },
);

export interface EpisodesInput {
  namespace: string;
  before: string;
  /** What has ended by then is gone. */
  now: string;
  limit: number;
}

/** The oldest episodes of one namespace, not of those below it. */
export const oldEpisodes = defineRead(
  'memories.episodes',
  (db, { namespace, before, now, limit }: EpisodesInput): OldMemory[] =>
    db.all<OldMemory>(
      sql`SELECT id, namespace, key, version, updated_at FROM memory_entries m
        WHERE namespace = ${namespace} AND ${and(memoryConditions({ memory_type: 'episodic', now }))}
          AND updated_at < ${before} ORDER BY updated_at, id LIMIT ${limit}`,
    ),
);

export const setAsideReads = [oldMemories, namespacesWithEpisodes, oldEpisodes];
