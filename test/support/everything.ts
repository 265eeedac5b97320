import { decideStep, treeRoot } from '#audit-log';
import { memory } from '#memories';
import { fillVectors, LocalEmbedder, missingTexts, type EmbeddingModel } from '#search';
import { sql } from '#storage';
import { live } from './history.js';
import { caller, catchUp, openTestHouse, type TestHouse } from './house.js';

const WORDS = 'tea river harbour winter letter garden lantern bridge market copper thunder orchard candle meadow'.split(
  ' ',
);

/** A house whose file has something in every table: a life, its vectors, answers by key, parked texts, noticed files. */
export async function openFullHouse(works = 600): Promise<TestHouse> {
  const house = openTestHouse();
  await live(house.log, 7, works);
  for (let n = 0; n < works / 4; n++) await remember(house, n);
  await catchUp(house);
  await embed(house);
  await house.log.chore('note-document-changes', {
    file_paths: ['docs/a.md', 'docs/b.md'],
    time: new Date().toISOString(),
  });
  keepHead(house);
  house.db.pragma('wal_checkpoint(TRUNCATE)');
  return house;
}

/** Keeps a few sentences under a key of the client's, as an agent does. */
async function remember({ log }: TestHouse, n: number): Promise<void> {
  const text = Array.from({ length: 40 }, (_, word) => WORDS[(n * 7 + word * word) % WORDS.length]).join(' ');
  const step = decideStep(memory, {
    type: 'WriteMemory',
    mode: 'put',
    namespace: `user:u${n % 9}:notes`,
    key: `note-${n}`,
    memory_type: 'episodic',
    value: { text: `${n}: ${text}.` },
    metadata: { source: 'chat', turn: n },
  });
  await log.execute({ caller: caller({ idempotency: { key: `key-${n}`, fingerprint: `note ${n}` } }), steps: [step] });
}

/** A head of the log as it is remembered once it was signed. */
function keepHead({ db }: TestHouse): void {
  const { size } = db.one<{ size: number }>(sql`SELECT max(position) AS size FROM audit`)!;
  db.run(
    sql`INSERT INTO log_checkpoints (id, root, note, signed_at)
        VALUES (${size}, ${treeRoot.run(db, size)!}, 'a signed note', '2026-01-02T03:04:05.678Z')`,
  );
}

async function embed({ db, log }: TestHouse): Promise<void> {
  const embedder = new LocalEmbedder();
  const { model: name, dimensions } = embedder;
  const model = await log.chore<EmbeddingModel>('register-model', { name, dimensions });
  const park = (text_id: number, reason: string): Promise<void> =>
    log.chore('park-text', { model, text_id, reason, time: new Date().toISOString() });
  const [first] = missingTexts(db, model, 1, 0).texts;
  await park(first!.id, 'The model refuses this text.');
  for (;;) {
    const { backlog } = await fillVectors(embedder, {
      backlog: async (limit) => missingTexts(db, model, limit, 0),
      store: (vectors) => log.chore('store-vectors', { model, vectors }),
      park,
    });
    if (backlog.texts.length === 0) return;
  }
}
