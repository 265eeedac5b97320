import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { directly, SqliteAuditLog } from '#audit-log';
import { assembleWriter, catalog } from '#assembly';
import type { ListedBackup } from '#backup';
import { LocalEmbedder, embeddingBacklog, type EmbeddingModel } from '#search';
import { Database, sql } from '#storage';
import { abathur } from '../support/cli.js';
import { live } from '../support/history.js';
import { catchUp } from '../support/house.js';
import { inspect } from '../support/inspect.js';
import { liveOn } from '../support/lived-file.js';
import { schema } from '../support/schema.js';
import { temporaryDirectory } from '../support/server.js';

const STOP = 400;

/** Tables that tell of this file's own life, not of what happened: when each migration ran, with which key it signs. */
const OF_THE_FILE = ['schema_migrations', 'signing_keys', 'operations'];

describe('R-O4 A database restored to a position', () => {
  const directory = temporaryDirectory();
  const [stopped, lived, restored] = ['stopped', 'lived', 'restored'].map((name) => join(directory, `${name}.db`)) as [
    string,
    string,
    string,
  ];
  const environment = { ABATHUR_DB_PATH: lived, ABATHUR_BACKUP_DIR: join(directory, 'backups') };
  let position: number;
  let there: Database;
  let here: Database;

  beforeAll(async () => {
    // The same life twice: one database stops in the middle of it, the other one lives on.
    await liveOn(stopped, STOP, 11);
    const db = Database.open({ path: stopped, synchronous: 'NORMAL' });
    ({ position } = db.one<{ position: number }>(sql`SELECT max(position) AS position FROM audit`)!);
    await embedAll(db);
    db.exec('VACUUM');
    db.close();
    await abathur(['backup', '--json'], { ...environment, ABATHUR_DB_PATH: stopped });
    expect((await abathur(['restore', 'latest', '--into', lived, '--yes'], environment)).code).toBe(0);
    const alive = Database.open({ path: lived, synchronous: 'NORMAL' });
    const log = new SqliteAuditLog(alive, catalog, directly(assembleWriter(alive)));
    await live(log, 12, 300);
    await catchUp({ log });
    await embedAll(alive);
    alive.close();
    const taken = await abathur(['backup', '--json'], environment);
    const { position: head } = JSON.parse(taken.out) as ListedBackup;
    expect(head).toBeGreaterThan(position + 100);
    const { code, err } = await abathur(
      ['restore', 'latest', '--to-position', String(position), '--into', restored, '--yes'],
      environment,
    );
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining(`cut at entry ${position}`) });
    [there, here] = [stopped, restored].map((path) => Database.open({ path, readonly: true })) as [Database, Database];
  }, 120_000);
  afterAll(() => [there, here].forEach((db) => db.close()));

  const contents = (db: Database, table: string): string[] =>
    db
      .all({ text: `SELECT * FROM "${table}"`, params: [] })
      .map((row) => JSON.stringify(row))
      .toSorted();

  it('equals one that had stopped there, row for row in every table, vectors included', () => {
    const tables = there
      .all<{ name: string }>(sql`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
      .map(({ name }) => name)
      .filter((name) => !OF_THE_FILE.includes(name) && !/_(words|vocabulary)|_instances/.test(name))
      // Of its chunks, vec0 keeps the order in which they were filled.
      .filter((name) => !name.startsWith('document_embeddings_') || name === 'document_embeddings_data');
    expect(tables).toEqual(
      expect.arrayContaining(['audit', 'memory_entries', 'search_texts', 'embedding_codes', 'projections']),
    );
    for (const table of tables)
      expect({ table, rows: contents(here, table) }).toEqual({ table, rows: contents(there, table) });
  });

  it('has the same schema, guards of the log included', () => {
    expect(schema(here)).toEqual(schema(there));
    const guards = (db: Database): unknown =>
      db.all(sql`SELECT sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name`);
    expect(guards(here)).toEqual(guards(there));
    expect(guards(here)).not.toEqual([]);
  });

  it('verifies, and its tables are what its log tells', () => {
    expect(inspect(restored)).toMatchObject({ head: position, holes: [], integrity: 'ok', differences: [] });
  });

  it('ends with the last entry at or before a time', async () => {
    const by = join(directory, 'by-time.db');
    const { time } = there.one<{ time: string }>(sql`SELECT timestamp AS time FROM audit WHERE position = 100`)!;
    const { last } = there.one<{ last: number }>(
      sql`SELECT max(position) AS last FROM audit WHERE timestamp <= ${time}`,
    )!;
    const { code } = await abathur(['restore', 'latest', '--to-time', time, '--into', by, '--yes'], environment);
    expect(code).toBe(0);
    expect(inspect(by)).toMatchObject({ head: last, differences: [] });
    expect(last).toBeLessThan(position);
  });
});

async function embedAll(db: Database): Promise<void> {
  const log = new SqliteAuditLog(db, catalog, directly(assembleWriter(db)));
  const embedder = new LocalEmbedder();
  const { model: name, dimensions } = embedder;
  const model = await log.chore<EmbeddingModel>('register-model', { name, dimensions });
  const { texts } = embeddingBacklog.run(db, { model, after: 0, limit: 10_000 });
  const vectors = await embedder.embed(texts.map(({ text }) => text));
  await log.chore('store-vectors', {
    model,
    vectors: texts.map(({ id }, n) => ({ text_id: id, vector: vectors[n]! })),
  });
}
