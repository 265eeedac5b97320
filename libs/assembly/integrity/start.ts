import type { Operation } from '#telemetry';
import type { House } from '../house.js';

/** Begins a check of the database; the operation tells how it goes, and what it found. */
export function startIntegrityCheck({ integrity, operations }: House): Operation {
  integrity.refuseTwice();
  return operations.start('integrity', (progress) => integrity.run(progress));
}
