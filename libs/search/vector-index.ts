import {
  openBeside,
  refill,
  removeLeftovers,
  scratchOf,
  type RebuildOptions,
  type RebuildReport,
  type TableDifference,
} from '#projections';
import { Database, sql } from '#storage';

/** The table of sqlite-vec, in which a search by meaning looks through a whole model. */
const INDEX = 'document_embeddings';

/**
 * What is not in the index as the codes say: codes that it lacks, entries without a code, and entries with another one. SQLite's
 * `integrity_check` does not look into this table.
 */
export function compareVectorIndex(db: Database): TableDifference {
  const count = (text: string): number => db.one<{ count: number }>({ text, params: [] })!.count;
  return {
    table: INDEX,
    surplus: count(`SELECT count(*) AS count FROM main.${INDEX}_rowids r
      WHERE NOT EXISTS (SELECT 1 FROM main.embedding_codes c WHERE c.id = r.rowid)`),
    missing: count(`SELECT count(*) AS count FROM main.embedding_codes c
      WHERE NOT EXISTS (SELECT 1 FROM main.${INDEX}_rowids r WHERE r.rowid = c.id)`),
    changed: count(`SELECT count(*) AS count FROM main.${INDEX} d JOIN main.embedding_codes c ON c.id = d.id
      WHERE d.code <> substr(c.code, 1, 128)`),
  };
}

/** Puts codes into the index of the attached database `rebuilt` that it does not have yet; returns how many. */
export function fillVectorIndex(db: Database): number {
  return db.run(
    sql`INSERT INTO rebuilt.document_embeddings (id, model_id, code)
        SELECT id, id / 1099511627776, vec_bit(substr(code, 1, 128)) FROM main.embedding_codes
        WHERE NOT EXISTS (SELECT 1 FROM rebuilt.document_embeddings_rowids r WHERE r.rowid = embedding_codes.id) ORDER BY id`,
  ).changes;
}

/** What {@link rebuildVectorIndex} is called where projections are called by their names. */
export const VECTOR_INDEX = 'vector-index';

type Options = Pick<RebuildOptions, 'path' | 'synchronous' | 'prepare' | 'compareOnly' | 'alone' | 'onProgress'>;

/**
 * Makes the index anew from the codes, beside the living one, and exchanges both in one transaction: it repairs it, and gives
 * back the holes that deletes leave. Nothing is embedded.
 */
export async function rebuildVectorIndex(options: Options): Promise<RebuildReport> {
  const { path, synchronous, prepare, compareOnly, alone, onProgress } = options;
  const begin = performance.now();
  removeLeftovers(path);
  const scratch = Database.open({ path: scratchOf(path), purpose: 'scratch' });
  prepare(scratch);
  scratch.close();
  const live = openBeside(path, synchronous);
  try {
    const differences = [live.savepoint(() => compareVectorIndex(live))].filter(
      ({ surplus, missing, changed }) => surplus + missing + changed > 0,
    );
    const total = live.one<{ count: number }>(sql`SELECT count(*) AS count FROM main.embedding_codes`)!.count;
    let waited = 0;
    if (!compareOnly) {
      fillVectorIndex(live);
      await alone(() => {
        const held = performance.now();
        live.transaction(() => exchangeVectorIndex(live));
        waited = performance.now() - held;
      });
    }
    onProgress(total, total);
    return {
      projections: [VECTOR_INDEX],
      events: total,
      seconds: seconds(performance.now() - begin),
      equal: differences.length === 0,
      differences,
      exchanged: compareOnly ? [] : [INDEX],
      writes_waited: seconds(waited),
      parked: 0,
    };
  } finally {
    live.close();
    removeLeftovers(path);
  }
}

/** The tables that sqlite-vec keeps beside its own; one of ours has such a name, too. */
function exchangeVectorIndex(db: Database): void {
  fillVectorIndex(db);
  const tables = db.all<{ name: string }>(
    sql`SELECT name FROM main.sqlite_schema
        WHERE type = 'table' AND name GLOB 'document_embeddings_*' AND name <> 'document_embeddings_data'`,
  );
  for (const { name } of tables) refill(db, name);
  db.run(
    sql`UPDATE main.embedding_models SET vector_count =
          (SELECT count(*) FROM main.embedding_codes c WHERE c.id / 1099511627776 = embedding_models.id)`,
  );
}

const seconds = (milliseconds: number): number => Math.round(milliseconds) / 1000;
