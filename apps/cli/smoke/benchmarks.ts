import { answers, holds, same, type Finding, type SmokeCase, type SmokeCategory } from './case.js';
import { Mismatch } from './mismatch.js';
import { KNOWN, searchable } from './known.js';
import { memoryPath, type Heard, type World } from './world.js';

const WARM_UP = 10;
const ROUNDS = 5;

export const benchmarks: SmokeCategory = {
  name: 'Performance Benchmarks',
  cases: [
    timed('Session retrieval <10ms', { limit: 10, samples: 200 }, async (world) => {
      const id = await world.session();
      const event = (n: number): object => ({ event_type: 'message', actor: 'user', content: { text: `line ${n}` } });
      const events = Array.from({ length: 20 }, (_, n) => event(n));
      answers(201, await world.post(`/v1/sessions/${id}/events/batch`, { events }));
      return () => world.get(`/v1/sessions/${id}`);
    }),
    timed('Memory retrieval <20ms', { limit: 20, samples: 200 }, async (world) => {
      const namespace = world.namespace('fast');
      await world.remember(namespace, 'taste', { coffee: 'black' });
      return () => world.get(memoryPath(namespace, 'taste'));
    }),
    timed('Namespace query <50ms', { limit: 50, samples: 100 }, async (world) => {
      const namespace = world.namespace('fast');
      const operations = Array.from({ length: 50 }, (_, n) => ({ op: 'put', namespace, key: `k${n}`, value: { n } }));
      answers(200, await world.post('/v1/memories/batch', { operations }));
      return async () => {
        const heard = await world.get(`/v1/memories?namespace_prefix=${namespace}`);
        same('items', heard.body.items?.length, 50);
        return heard;
      };
    }),
    {
      name: '50 concurrent session reads <1s',
      async run(world) {
        const ids = await Promise.all(Array.from({ length: 10 }, () => world.session()));
        return best(1000, world, async () => {
          const begin = performance.now();
          const reads = ids.flatMap((id) => Array.from({ length: 5 }, () => world.get(`/v1/sessions/${id}`)));
          const heard = await Promise.all(reads);
          const wall = performance.now() - begin;
          heard.forEach((answer) => answers(200, answer));
          return [wall];
        });
      },
    },
    timed('Semantic search <500ms', { limit: 500, samples: 40 }, (world) => searching(world, 'semantic')),
    timed('Hybrid search <600ms', { limit: 600, samples: 40 }, (world) => searching(world, 'hybrid')),
    {
      name: 'Background sync processes file',
      async run(world) {
        const file_path = `${world.name}/${world.id('sync')}.md`;
        const content = '# Pumps\n\nThe circulation pump hums when its bearing runs dry.\n';
        const begin = performance.now();
        const { body: put } = answers(201, await world.put('/v1/documents', { file_path, content }));
        same('chunks', put.chunk_count, 1);
        await world.until(`${file_path} synced`, async () => {
          const { body } = answers(200, await world.get(`/v1/documents/${put.id}`));
          return body.sync_status === 'synced';
        });
        const ms = performance.now() - begin;
        const asked = { query: 'circulation pump bearing', mode: 'semantic', path_prefix: `${world.name}/` };
        const { body: found } = answers(200, await world.post('/v1/documents/search', asked));
        same('the first hit', found.results[0]?.file_path, file_path);
        const sync = answers(202, await world.post('/v1/documents/sync'));
        const operation = await world.operation(sync.body.id, 15_000);
        holds(
          `the comparison of directories failed: ${operation?.error}`,
          ['succeeded', undefined].includes(operation?.status),
        );
        return { note: `found by meaning after ${Math.round(ms)} ms` };
      },
    },
    {
      name: 'Index usage verified (EXPLAIN QUERY PLAN)',
      async run(world) {
        const { plans } = answers(200, await world.get('/v1/admin/database')).body;
        holds('no plans are told', plans.length >= 10);
        same(
          'questions that read a table from end to end',
          plans.filter(({ scans }: Plan) => scans.length > 0),
          [],
        );
        same(
          'questions without an index',
          plans.filter(({ indexes }: Plan) => indexes.length === 0),
          [],
        );
        return { note: `${plans.length} questions` };
      },
    },
  ],
};

interface Plan {
  indexes: string[];
  scans: string[];
}

async function searching(world: World, mode: string): Promise<() => Promise<Heard>> {
  const namespace = world.namespace('find');
  await searchable(world, namespace);
  let n = 0;
  return async () => {
    const { question } = KNOWN[n++ % KNOWN.length]!;
    const heard = await world.post('/v1/memories/search', { query: question, mode, namespace_prefix: namespace });
    holds(`nothing was found for "${question}"`, heard.body.results?.length > 0);
    same('mode', [heard.body.mode, heard.body.degraded], [mode, false]);
    return heard;
  };
}

interface Target {
  /** Milliseconds that 99 of 100 answers must stay within. */
  limit: number;
  samples: number;
}

/** A case that asks the same again and again; `prepare` makes what is asked for. */
function timed(
  name: string,
  { limit, samples }: Target,
  prepare: (world: World) => Promise<() => Promise<Heard>>,
): SmokeCase {
  return {
    name,
    async run(world) {
      const ask = await prepare(world);
      for (let n = 0; n < WARM_UP; n++) answers(200, await ask());
      return best(limit, world, async () => {
        const times = [];
        for (let n = 0; n < samples; n++) times.push(answers(200, await ask()).ms);
        return times;
      });
    },
  };
}

/** A round in which something else had the machine is measured again. */
async function best(limit: number, world: World, measure: () => Promise<number[]>): Promise<Finding> {
  let finding!: Required<Pick<Finding, 'p50' | 'p99'>>;
  for (let round = 1; round <= ROUNDS; round++) {
    const times = (await measure()).toSorted((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((share) => times[Math.ceil(times.length * share) - 1]!) as [number, number];
    if (round === 1 || p99 < finding.p99) finding = { p50, p99 };
    if (finding.p99 < limit * world.allowance)
      return { ...finding, limit, ...(round > 1 && { note: `best of ${round} rounds` }) };
  }
  throw new Mismatch(
    `99 of 100 answers took up to ${finding.p99.toFixed(1)} ms in the best of ${ROUNDS} rounds, allowed are ${limit * world.allowance} ms`,
  );
}
