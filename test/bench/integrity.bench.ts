import { openFullHouse } from '../support/everything.js';
import { flipBits } from '../support/bit-flips.js';
import type { Figure } from './report.js';

const FLIPS = Number(process.env['BENCH_FLIPS'] ?? 400);

/** Single bits flipped in a database that has something in every table: how many the checks find. */
export async function integrity(): Promise<Figure[]> {
  const house = await openFullHouse();
  try {
    const seed = Number(process.env['BENCH_SEED'] ?? 1);
    const { by, flips, used } = flipBits(house.path, seed, FLIPS, ({ byte, bit, found }) => {
      if (found.length === 0 && process.env['BENCH_TELL'] === 'on') console.log(`not found: byte ${byte}, bit ${bit}`);
    });
    const share = (found: number): string => `${((found / flips.length) * 100).toFixed(1)} %`;
    const alone = (name: 'sqlite' | 'chain' | 'tables' | 'words' | 'vectors' | 'foreign-keys'): Figure => ({
      what: `of them by the check "${name}"`,
      measured: share(by[name]),
      target: '–',
      ok: true,
    });
    return [
      {
        what: `${flips.length} flipped bits that are noticed`,
        measured: share(by.any),
        target: `≥ 99 %; in the ${Math.round(used * 100)} % of live pages that are used`,
        ok: by.any / flips.length >= 0.99,
      },
      ...(['sqlite', 'foreign-keys', 'chain', 'tables', 'words', 'vectors'] as const).map(alone),
      { what: 'of them as soon as the file is opened', measured: share(by.open), target: '–', ok: true },
    ];
  } finally {
    house.close();
  }
}
