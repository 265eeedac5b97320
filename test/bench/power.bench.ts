import { fileURLToPath } from 'node:url';
import { cutPower } from './power-cuts.js';
import type { Figure } from './report.js';

/** How often the power is cut under each setting; more for a longer look: BENCH_CUTS=500. */
const CUTS = Number(process.env['BENCH_CUTS'] ?? 100);
const MAIN = fileURLToPath(new URL('../../apps/api/main.js', import.meta.url));
delete process.env['BENCH_CUTS'];

/** The power cut in the middle of writes, on a small disk of its own. */
export async function power(): Promise<Figure[]> {
  const [full, normal] = [
    await cutPower({ main: MAIN, synchronous: 'FULL', cuts: CUTS, seed: 1 }),
    await cutPower({ main: MAIN, synchronous: 'NORMAL', cuts: CUTS, seed: 1 }),
  ];
  if (full === undefined || normal === undefined) {
    return [{ what: 'power cuts', measured: 'left out', target: 'takes root, to mount a disk', ok: true }];
  }
  const corrupt = [...full.corrupt, ...normal.corrupt];
  return [
    {
      what: `answered writes lost in ${CUTS} power cuts, synchronous = FULL`,
      measured: `${full.lost} of ${full.acknowledged}`,
      target: '0',
      ok: full.lost === 0,
    },
    {
      what: 'the same, synchronous = NORMAL, which may lose the last ones',
      measured: `${normal.cuts_with_loss} cuts with loss, ${normal.lost} writes`,
      target: '> 0, or nothing was tried',
      ok: normal.cuts_with_loss > 0,
    },
    {
      what: 'databases that did not hold together afterwards',
      measured: corrupt.length === 0 ? `0 of ${2 * CUTS}` : corrupt.join('; '),
      target: '0',
      ok: corrupt.length === 0,
    },
  ];
}
