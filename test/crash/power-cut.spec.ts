import { describe, expect, it } from '@jest/globals';
import { cutPower, type PowerCuts } from '../bench/power-cuts.js';
import { MAIN } from '../support/server.js';

/** How often the power is cut; more often for a longer look: npm run faults. */
const CUTS = 6;

describe(`With the power cut ${CUTS} times in the middle of writes, each time on a copy of the disk,`, () => {
  const cut = async (synchronous: 'FULL' | 'NORMAL'): Promise<PowerCuts | undefined> => {
    const found = await cutPower({ main: MAIN, synchronous, cuts: CUTS, seed: 7 });
    if (found === undefined)
      process.stderr.write('Cutting the power is left out: it mounts a small disk, which takes root and mkfs.ext4.\n');
    return found;
  };

  it('FULL loses no write that was answered, and everything holds together', async () => {
    const found = await cut('FULL');
    expect(found ?? { lost: 0, corrupt: [] }).toMatchObject({ lost: 0, corrupt: [] });
  }, 300_000);

  it('NORMAL may lose the last ones, so that it shows when something is lost; everything holds together', async () => {
    const found = await cut('NORMAL');
    expect(found?.corrupt ?? []).toEqual([]);
    expect(found?.cuts_with_loss ?? 1).toBeGreaterThan(0);
  }, 300_000);
});
