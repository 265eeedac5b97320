import { rmSync } from 'node:fs';
import { decideStep, type Step } from '#audit-log';
import { memory } from '#memories';
import { TreeWriter } from '../../libs/audit-log/tree.js';
import { caller, openTestHouse } from '../support/house.js';
import { per, type Figure } from './report.js';
import { quantile } from './running.js';

const TOGETHER = 64;
const TRANSACTIONS = Number(process.env['BENCH_TRANSACTIONS'] ?? 60);
const ROUNDS = 5;

/** What it costs an append that the log is a tree: the same appends with the tree and without, turn by turn. */
export async function proofs(): Promise<Figure[]> {
  const taken: Record<'tree' | 'without', number[]> = { tree: [], without: [] };
  for (let round = 0; round < ROUNDS; round++) {
    taken.tree.push(await appends());
    taken.without.push(await withoutTree(appends));
  }
  const median = (seconds: number[]): number =>
    quantile(
      seconds.toSorted((a, b) => a - b),
      0.5,
    );
  const [tree, without] = [median(taken.tree), median(taken.without)];
  const cost = tree / without - 1;
  return [
    {
      what: `appends with the tree, ${TOGETHER} in a transaction`,
      measured: per((TOGETHER * TRANSACTIONS) / tree),
      target: `${per((TOGETHER * TRANSACTIONS) / without)} without`,
      ok: true,
    },
    { what: 'what the tree adds', measured: `${(cost * 100).toFixed(1)} %`, target: '≤ 10 %', ok: cost <= 0.1 },
  ];
}

/** Seconds of CPU time of the appends: on a shared machine the clock tells of others. */
async function appends(): Promise<number> {
  const house = openTestHouse();
  try {
    const transactions = Array.from({ length: TRANSACTIONS + 5 }, (_, n) => stepsOf(n));
    for (const steps of transactions.slice(0, 5)) await house.log.execute({ caller: caller(), steps });
    const begin = process.cpuUsage();
    for (const steps of transactions.slice(5)) await house.log.execute({ caller: caller(), steps });
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1e6;
  } finally {
    house.close();
    rmSync(house.path, { force: true });
  }
}

const stepsOf = (n: number): Step[] =>
  Array.from({ length: TOGETHER }, (_, index) =>
    decideStep(memory, {
      type: 'WriteMemory',
      mode: 'put',
      namespace: `user:u${n % 50}`,
      key: `k${n}-${index}`,
      value: { text: 'The quick brown fox jumps over the lazy dog.', n },
    }),
  );

/** The writer as it would be without a tree. */
async function withoutTree<T>(work: () => Promise<T>): Promise<T> {
  const { refresh, append } = TreeWriter.prototype;
  Object.assign(TreeWriter.prototype, { refresh: () => undefined, append: () => undefined });
  try {
    return await work();
  } finally {
    Object.assign(TreeWriter.prototype, { refresh, append });
  }
}
