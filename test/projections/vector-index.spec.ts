import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RebuildReport } from '#projections';
import { embeddingBacklog, LocalEmbedder, rebuildVectorIndex, type EmbeddingModel } from '#search';
import { migrate, readMigrations, sql } from '#storage';
import { live } from '../support/history.js';
import { catchUp, MIGRATIONS, openTestHouse, type TestHouse } from '../support/house.js';

const embedder = new LocalEmbedder();

describe('R-A5 The index of vectors, made anew from the codes', () => {
  let house: TestHouse;
  beforeEach(async () => {
    house = openTestHouse();
    await live(house.log, 3, 400);
    await embed();
  });
  afterEach(() => house.close());

  async function embed(): Promise<void> {
    await catchUp(house);
    const { model: name, dimensions } = embedder;
    const model = await house.log.chore<EmbeddingModel>('register-model', { name, dimensions });
    const { texts } = embeddingBacklog.run(house.db, { model, after: 0, limit: 1000 });
    const vectors = await embedder.embed(texts.map(({ text }) => text));
    await house.log.chore('store-vectors', {
      model,
      vectors: texts.map(({ id }, n) => ({ text_id: id, vector: vectors[n]! })),
    });
  }

  const rebuilt = (compareOnly = false, before: () => Promise<void> = async () => undefined): Promise<RebuildReport> =>
    rebuildVectorIndex({
      path: house.path,
      synchronous: 'NORMAL',
      compareOnly,
      prepare: (scratch) => void migrate(scratch, readMigrations(MIGRATIONS)),
      onProgress: () => undefined,
      alone: async (work) => {
        await before();
        return work();
      },
    });

  /** What the index holds, as a search sees it. */
  const held = (): unknown[] =>
    house.db.all(sql`SELECT id, model_id, hex(code) AS code FROM document_embeddings ORDER BY id`);
  const codes = (): unknown[] =>
    house.db.all(
      sql`SELECT id, id / 1099511627776 AS model_id, hex(substr(code, 1, 128)) AS code FROM embedding_codes ORDER BY id`,
    );

  it('is told to be as it should be', async () => {
    expect(codes().length).toBeGreaterThan(20);
    expect(await rebuilt(true)).toMatchObject({ equal: true, exchanged: [], events: codes().length });
    expect(await rebuilt()).toMatchObject({ equal: true, exchanged: ['document_embeddings'] });
    expect(held()).toEqual(codes());
  });

  it('has again what it had lost, and nothing that it should not have', async () => {
    const first = house.db.one<{ id: number }>(sql`SELECT min(id) AS id FROM embedding_codes`)!.id;
    house.db.run(sql`DELETE FROM document_embeddings WHERE id = ${BigInt(first)}`);
    house.db.run(
      sql`INSERT INTO document_embeddings (id, model_id, code)
          VALUES (${BigInt(first + 500_000)}, ${1n}, vec_bit(${Buffer.alloc(128, 7)}))`,
    );
    house.db.run(sql`DELETE FROM document_embeddings WHERE id = ${BigInt(first + 1)}`);
    house.db.run(
      sql`INSERT INTO document_embeddings (id, model_id, code)
          VALUES (${BigInt(first + 1)}, ${1n}, vec_bit(${Buffer.alloc(128, 9)}))`,
    );
    expect(await rebuilt(true)).toMatchObject({ equal: false, differences: [{ surplus: 1, missing: 1, changed: 1 }] });
    await rebuilt();
    expect(held()).toEqual(codes());
    expect(await rebuilt(true)).toMatchObject({ equal: true });
  });

  it('takes along what is embedded meanwhile, and takes more afterwards', async () => {
    const before = codes().length;
    await rebuilt(false, async () => {
      await live(house.log, 4, 400);
      await embed();
    });
    expect(codes().length).toBeGreaterThan(before);
    expect(held()).toEqual(codes());
    await live(house.log, 5, 100);
    await embed();
    expect(held()).toEqual(codes());
    expect(house.db.one(sql`SELECT sum(vector_count) AS count FROM embedding_models`)).toEqual({
      count: held().length,
    });
  });
});
