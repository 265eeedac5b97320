import { defineRead, sql, type ReadSide } from '#storage';
import { searchStatus, type SearchStatus } from '#search';

/** How many there are of what grows: counted, so not on the way of anybody who waits. */
export interface Census {
  memories: { memory_type: string; count: number }[];
  versions: number;
  sessions: { status: string; count: number }[];
  conflictsOpen: number;
  documents: { sync_status: string; count: number }[];
  vectors: { name: string; dimensions: number; count: number }[];
  /** Up to where the log is signed. */
  signed: number;
  search: SearchStatus;
}

export const census = defineRead('metrics.census', (db, model: { name: string; dimensions: number }): Census => ({
  memories: db.all(
    sql`SELECT memory_type, count(*) AS count FROM memory_entries
        WHERE replaced_at IS NULL AND is_deleted = 0 GROUP BY memory_type`,
  ),
  versions: db.one<{ count: number }>(sql`SELECT count(*) AS count FROM memory_entries`)!.count,
  sessions: db.all(sql`SELECT status, count(*) AS count FROM sessions GROUP BY status`),
  conflictsOpen: db.one<{ count: number }>(sql`SELECT count(*) AS count FROM memory_conflicts WHERE status = 'open'`)!
    .count,
  documents: db.all(sql`SELECT sync_status, count(*) AS count FROM document_index GROUP BY sync_status`),
  vectors: db.all(sql`SELECT name, dimensions, vector_count AS count FROM embedding_models ORDER BY id LIMIT 16`),
  signed: db.one<{ position: number }>(sql`SELECT coalesce(max(id), 0) AS position FROM log_checkpoints`)!.position,
  search: searchStatus.run(db, model),
}));

/** A count is not repeated before this many times what it took has passed: counting never takes more than a twentieth of a reader. */
const REST = 20;
const SHORTEST_REST = 500;
/** How long a scrape waits for a count: when all readers are busy, it is most needed, and goes on with what it has. */
const PATIENCE = 250;
/** The first one is waited for longer: readers may still be starting. */
const FIRST_PATIENCE = 5_000;

/** The newest count, taken on a reader thread while somebody asks for it. */
export class CensusTaker {
  private newest: Census | undefined;
  private counting: Promise<void> | undefined;
  private restUntil = 0;

  constructor(
    private readonly reads: Pick<ReadSide, 'scan'>,
    private readonly model: { name: string; dimensions: number },
  ) {}

  async take(): Promise<Census | undefined> {
    if (performance.now() >= this.restUntil) this.counting ??= this.count();
    if (this.counting !== undefined)
      await Promise.race([this.counting, timeout(this.newest === undefined ? FIRST_PATIENCE : PATIENCE)]);
    return this.newest;
  }

  private async count(): Promise<void> {
    const begin = performance.now();
    // The first one may have waited for its reader to start.
    const known = this.newest !== undefined;
    try {
      this.newest = await this.reads.scan(census, this.model);
    } catch {
      // Whatever is wrong with the readers, other metrics tell.
    } finally {
      const end = performance.now();
      this.restUntil = end + (known ? Math.max(SHORTEST_REST, REST * (end - begin)) : SHORTEST_REST);
      this.counting = undefined;
    }
  }
}

const timeout = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
