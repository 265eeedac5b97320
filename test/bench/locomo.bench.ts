import { readFileSync } from 'node:fs';
import type { Figure } from './report.js';
import { send, startVariant, type Running } from './running.js';

interface Conversation {
  sample_id: string;
  sessions: {
    session: number;
    date_time: string;
    turns: { id: string; speaker: string; text: string; image_caption?: string }[];
  }[];
  qa: { question: string; category: number; evidence: string[] }[];
}

const MODES = ['keyword', 'semantic', 'hybrid'] as const;
type Mode = (typeof MODES)[number];

/** Sums over questions. */
interface Tally {
  questions: number;
  recall: number;
  all: number;
}

/**
 * Retrieval without an LLM, by the LoCoMo protocol: every turn of a conversation is a memory, every question a query, and
 * what counts is how many of its evidence turns are among the first ten. The data (snap-research, CC BY-NC 4.0) is not
 * part of this project: `LOCOMO=<file> npm run bench -- locomo`.
 */
export async function locomo(): Promise<Figure[]> {
  const file = process.env['LOCOMO'];
  if (file === undefined) {
    return [
      { what: 'LoCoMo retrieval', measured: 'not run', target: 'LOCOMO=<file> npm run bench -- locomo', ok: true },
    ];
  }
  const conversations = JSON.parse(readFileSync(file, 'utf8')) as Conversation[];
  const server = await startVariant('full');
  for (const conversation of conversations) await load(server, conversation);
  await allEmbedded(server);
  const apart = await ask(server, conversations, ({ sample_id }) => `project:${sample_id}`);
  const together = await ask(server, conversations, () => undefined);
  await server.stop();
  print('each conversation by itself', apart);
  print('all conversations at once', together);
  const recall = (mode: Mode): number => mean(apart.get(`${mode} 1-4`)!.recall, apart.get(`${mode} 1-4`)!);
  const [keyword, semantic, hybrid] = MODES.map(recall) as [number, number, number];
  return [
    { what: 'hybrid recall@10, categories 1-4', measured: hybrid.toFixed(3), target: '≥ 0.64', ok: hybrid >= 0.64 },
    {
      what: 'below the better of its halves',
      measured: (Math.max(keyword, semantic) - hybrid).toFixed(3),
      target: `≤ 0.01; keyword ${keyword.toFixed(3)}, semantic ${semantic.toFixed(3)}`,
      ok: Math.max(keyword, semantic) - hybrid <= 0.01,
    },
  ];
}

async function load({ url }: Running, { sample_id, sessions }: Conversation): Promise<void> {
  const lines = sessions.flatMap(({ session, date_time, turns }) =>
    turns.map(({ id, speaker, text, image_caption }) =>
      JSON.stringify({
        namespace: `project:${sample_id}:turns`,
        key: id,
        value: { text: `${speaker}: ${text}`, ...(image_caption === undefined ? {} : { image_caption }) },
        metadata: { session, date: date_time },
      }),
    ),
  );
  await send(`${url}/v1/memories/import`, 'POST', lines.join('\n'), { 'content-type': 'application/x-ndjson' });
}

async function allEmbedded({ url }: Running): Promise<void> {
  for (let looked = 0; looked < 600; looked++) {
    const { backlog, lag } = (await send(`${url}/v1/search/status`, 'GET')) as { backlog: number; lag: number };
    if (backlog === 0 && lag === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('The backlog of embeddings does not get empty');
}

async function ask(
  { url }: Running,
  conversations: Conversation[],
  prefix: (conversation: Conversation) => string | undefined,
): Promise<Map<string, Tally>> {
  const tallies = new Map<string, Tally>();
  for (const conversation of conversations) {
    const turns = new Set(conversation.sessions.flatMap((session) => session.turns.map(({ id }) => id)));
    for (const { question, category, evidence } of conversation.qa) {
      const wanted = [...new Set(evidence)].filter((id) => turns.has(id));
      if (wanted.length === 0) continue;
      for (const mode of MODES) {
        const { results } = (await send(`${url}/v1/memories/search`, 'POST', {
          query: question,
          mode,
          limit: 10,
          namespace_prefix: prefix(conversation),
        })) as { results: { namespace: string; key: string }[] };
        const own = `project:${conversation.sample_id}:turns`;
        const found = new Set(results.filter(({ namespace }) => namespace === own).map(({ key }) => key));
        const hits = wanted.filter((id) => found.has(id)).length;
        for (const group of category < 5 ? [`${category}`, '1-4'] : [`${category}`]) {
          const tally = tallies.get(`${mode} ${group}`) ?? { questions: 0, recall: 0, all: 0 };
          tally.questions += 1;
          tally.recall += hits / wanted.length;
          tally.all += hits === wanted.length ? 1 : 0;
          tallies.set(`${mode} ${group}`, tally);
        }
      }
    }
  }
  return tallies;
}

const mean = (sum: number, { questions }: Tally): number => sum / questions;

const GROUPS: [string, string][] = [
  ['1', 'multi-hop'],
  ['2', 'temporal'],
  ['3', 'open'],
  ['4', 'single'],
  ['5', 'adversarial'],
  ['1-4', '1-4'],
];

function print(title: string, tallies: Map<string, Tally>): void {
  console.log(`\nLoCoMo, ${title}: recall@10 / all@10`);
  console.log(`  ${''.padEnd(10)}${GROUPS.map(([, name]) => name.padEnd(15)).join('')}`);
  for (const mode of MODES) {
    const cells = GROUPS.map(([group]) => {
      const tally = tallies.get(`${mode} ${group}`);
      return (
        tally === undefined ? '–' : `${mean(tally.recall, tally).toFixed(3)} / ${mean(tally.all, tally).toFixed(3)}`
      ).padEnd(15);
    });
    console.log(`  ${mode.padEnd(10)}${cells.join('')}`);
  }
}
