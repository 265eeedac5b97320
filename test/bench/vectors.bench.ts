import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalEmbedder, registerModel, storeVector, type EmbeddingModel } from '#search';
import { Database, migrate, readMigrations, ReaderPool, ReadSide, sql } from '#storage';
import { memorySearch } from '../../libs/memories/memory.search.js';
import { nearest } from '../../libs/search/nearest.js';
import { ms, times, type Figure } from './report.js';
import { quantile } from './running.js';

const DIMENSIONS = 768;
const PER_NAMESPACE = 1_000;
const QUERIES = 60;
const K = 10;

interface Data {
  name: string;
  vector(n: number): Promise<Float32Array>;
  text(n: number): string;
  query(n: number): Promise<{ text: string; vector: Float32Array }>;
}

/**
 * The nearest vectors and what they cost: 1,000 to 100,000 of them, in clusters and made of texts, held against looking
 * at every one. A million too with `VECTORS=1000000`.
 */
export async function vectors(): Promise<Figure[]> {
  const largest = Number(process.env['VECTORS'] ?? 100_000);
  const sizes = [1_000, 10_000, 100_000, 1_000_000].filter((size) => size <= largest);
  const figures: Figure[] = [];
  for (const size of sizes) {
    for (const data of [clustered(), texts()]) figures.push(...(await measure(data, size)));
  }
  return figures;
}

async function measure(data: Data, size: number): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'abathur-bench-'));
  const db = Database.open({ path: join(directory, 'abathur.db'), synchronous: 'NORMAL' });
  try {
    migrate(db, readMigrations(join(process.cwd(), 'migrations')));
    const store = await fill(db, data, size);
    const bytes = statSync(db.path).size / size;
    return [
      ...(await nearestFigures(db, data, size, store)),
      ...(await searchFigures(db, data, size, store.model)),
      {
        what: `${label(data, size)}: bytes for each, text and index included`,
        measured: Math.round(bytes).toLocaleString('en'),
        target: `${4 * DIMENSIONS} are the vector itself`,
        ok: true,
      },
    ];
  } finally {
    db.close();
    rmSync(directory, { recursive: true });
  }
}

interface Store {
  model: EmbeddingModel;
  /** All vectors, one after the other. */
  all: Float32Array;
}

async function fill(db: Database, data: Data, size: number): Promise<Store> {
  const { model: name } = new LocalEmbedder();
  const model = registerModel(db, name, DIMENSIONS);
  const all = new Float32Array(size * DIMENSIONS);
  for (let from = 0; from < size; from += 1_000) {
    const page = await Promise.all(Array.from({ length: 1_000 }, (_, n) => data.vector(from + n)));
    db.transaction(() => page.forEach((vector, n) => keep(db, model, data.text(from + n), from + n, vector)));
    page.forEach((vector, n) => all.set(vector, (from + n) * DIMENSIONS));
  }
  db.pragma('wal_checkpoint(TRUNCATE)');
  return { model, all };
}

/** A memory as the projections would have left it, without a log. */
function keep(db: Database, model: EmbeddingModel, text: string, n: number, vector: Float32Array): void {
  const [id, namespace, time] = [n + 1, namespaceOf(n), '2026-01-02T03:04:05.678Z'];
  const digest = createHash('sha256').update(`${n} ${text}`).digest();
  db.run(sql`INSERT INTO memory_entries (id, namespace, key, version, memory_type, value, metadata, created_by, updated_by,
      created_at, updated_at) VALUES (${id}, ${namespace}, ${`k${n}`}, 1, 'semantic', ${JSON.stringify({ text })}, '{}',
      'bench', 'bench', ${time}, ${time})`);
  db.run(sql`INSERT INTO memory_words (rowid, text, metadata) VALUES (${id}, ${text}, '')`);
  db.run(sql`INSERT INTO search_texts (id, text_sha256, text) VALUES (${id}, ${digest}, ${text})`);
  db.run(sql`INSERT INTO search_entries (id, source, subject, namespace, memory_type, text_id)
      VALUES (${id}, 'memory', ${`memory:${n}`}, ${namespace}, 'semantic', ${id})`);
  storeVector(db, model, id, vector);
}

const namespaceOf = (n: number): string => `user:u${Math.floor(n / PER_NAMESPACE)}`;

async function nearestFigures(db: Database, data: Data, size: number, { model, all }: Store): Promise<Figure[]> {
  const anywhere = sql`e.source = 'memory' AND e.to_position IS NULL`;
  const own = sql`+e.source = 'memory' AND e.to_position IS NULL AND e.namespace = ${namespaceOf(0)}`;
  const here = await ask(data, all, size, (vector) => nearest(db, { model, vector, k: K, where: anywhere }).entries);
  const there = await ask(
    data,
    all,
    Math.min(size, PER_NAMESPACE),
    (vector) => nearest(db, { model, vector, k: K, where: own, passing: () => PER_NAMESPACE }).entries,
  );
  const judged = size === 100_000;
  return [
    {
      what: `${label(data, size)}: nearest of all, p99`,
      measured: `${ms(here.p99)} (p50 ${ms(here.p50)})`,
      target: judged ? '≤ 30 ms' : 'no target',
      ok: !judged || here.p99 <= 30,
    },
    {
      what: `${label(data, size)}: of one user’s ${PER_NAMESPACE.toLocaleString('en')}, p99`,
      measured: `${ms(there.p99)} (p50 ${ms(there.p50)})`,
      target: judged ? '≤ 3 ms' : 'no target',
      ok: !judged || there.p99 <= 3,
    },
    ...[
      { what: 'recall of the ten nearest', recall: here.recall },
      { what: 'recall, one user’s', recall: there.recall },
    ].map(({ what, recall }) => ({
      what: `${label(data, size)}: ${what}`,
      measured: recall.toFixed(3),
      target: '≥ 0.95',
      ok: recall >= 0.95,
    })),
  ];
}

async function ask(
  data: Data,
  all: Float32Array,
  among: number,
  find: (vector: Float32Array) => { id: number }[],
): Promise<{ p50: number; p99: number; recall: number }> {
  const taken: number[] = [];
  let recall = 0;
  for (let n = -10; n < QUERIES; n++) {
    const { vector } = await data.query(Math.abs(n));
    const begin = performance.now();
    const found = find(vector);
    if (n < 0) continue;
    taken.push(performance.now() - begin);
    const cosines = exact(all, among, vector);
    const tenth = cosines.toSorted().at(-K)!;
    // Equally near is as good.
    recall += found.filter(({ id }) => cosines[id - 1]! >= tenth - 1e-6).length / K / QUERIES;
  }
  taken.sort((a, b) => a - b);
  return { p50: quantile(taken, 0.5), p99: quantile(taken, 0.99), recall };
}

function exact(all: Float32Array, among: number, vector: Float32Array): Float32Array {
  const cosines = new Float32Array(among);
  for (let row = 0; row < among; row++) {
    let sum = 0;
    for (let i = 0, at = row * DIMENSIONS; i < DIMENSIONS; i++, at++) sum += all[at]! * vector[i]!;
    cosines[row] = sum;
  }
  return cosines;
}

/** The whole search, as a request asks for it, in its three modes: in turns, because what else the machine does counts. */
async function searchFigures(db: Database, data: Data, size: number, model: EmbeddingModel): Promise<Figure[]> {
  if (data.name !== 'texts') return [];
  const pool = new ReaderPool({
    script: new URL('../../libs/assembly/reader.thread.js', import.meta.url),
    workerData: { path: db.path, readonly: true },
    min: 2,
    max: 2,
    acquireTimeout: 30_000,
  });
  pool.fill();
  const readers = new ReadSide(db, pool);
  const taken: Record<'keyword' | 'semantic' | 'hybrid', number[]> = { keyword: [], semantic: [], hybrid: [] };
  for (let n = -20; n < QUERIES; n++) {
    const { text: query, vector } = await data.query(Math.abs(n));
    const meaning = { vector, reach: 1, sharpness: 3, model: { ...model, vectors: size } };
    for (const mode of ['keyword', 'semantic', 'hybrid'] as const) {
      const begin = performance.now();
      await memorySearch.ask(readers, {
        query,
        mode,
        now: new Date().toISOString(),
        meaning,
        fusion: 'weighted',
        weights: { words: 0.3, meaning: 0.7 },
        limit: 10,
        threshold: 0,
        explain: false,
      });
      if (n >= 0) taken[mode].push(performance.now() - begin);
    }
  }
  await pool.close();
  const half = Object.fromEntries(
    Object.entries(taken).map(([mode, spent]) => [
      mode,
      quantile(
        spent.toSorted((a, b) => a - b),
        0.5,
      ),
    ]),
  );
  const slower = Math.max(half['keyword']!, half['semantic']!);
  return [
    {
      what: `${label(data, size)}: hybrid against its slower half, p50`,
      measured: `${times(half['hybrid']! / slower)} (${ms(half['hybrid']!)})`,
      target: `${size === 100_000 ? '≤ 1.3 ×' : 'no target'}; keyword ${ms(half['keyword']!)}, semantic ${ms(half['semantic']!)}`,
      ok: size !== 100_000 || half['hybrid']! <= 1.3 * slower,
    },
  ];
}

const label = ({ name }: Data, size: number): string => `${size.toLocaleString('en')} ${name}`;

/** Directions around a thousand centres, a hundred to each at 100,000: near ones are many, and nearly as near. */
function clustered(): Data {
  const random = normal(7);
  const centres = Array.from({ length: 1_000 }, () => unit(Float32Array.from({ length: DIMENSIONS }, random)));
  const around = (n: number): Float32Array => {
    const centre = centres[n % centres.length]!;
    return unit(centre.map((x) => x + (0.7 * random()) / Math.sqrt(DIMENSIONS)));
  };
  return {
    name: 'clustered',
    vector: async (n) => around(n * 31),
    text: (n) => `number ${n}`,
    query: async (n) => ({ text: `number ${n}`, vector: around(n * 17) }),
  };
}

/** Sentences of some common and many rare words, with the vectors that the local model gives them. */
function texts(): Data {
  const embedder = new LocalEmbedder();
  const sentence = (seed: number, length: number): string => {
    let state = (seed + 1) * 2654435761;
    return Array.from({ length }, () => {
      state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
      // As in speech: the n-th word is about n times as rare as the first.
      return `w${Math.floor(20_000 ** (state / 2 ** 32)).toString(36)}q`;
    }).join(' ');
  };
  return {
    name: 'texts',
    text: (n) => sentence(n, 8 + (n % 13)),
    vector: async (n) => (await embedder.embed([sentence(n, 8 + (n % 13))]))[0] as Float32Array,
    query: async (n) => {
      const text = sentence(n * 13, 6);
      const { vector } = await embedder.embedQuery(text, { texts: 20_000, textsWith: () => 20 });
      return { text, vector };
    },
  };
}

function normal(seed: number): () => number {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return (state + 1) / (2 ** 32 + 1);
  };
  return () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return vector.map((x) => x / length);
}
