import { closeSync, copyFileSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { checkIntegrity, CHECKS, type CheckName } from '#assembly';
import { chooser } from './history.js';
import { usedBytes } from './used-bytes.js';

export interface Flip {
  byte: number;
  bit: number;
  /** The checks that noticed; empty: nobody did. */
  found: (CheckName | 'open')[];
}

export interface FlipTally {
  flips: Flip[];
  /** How many each check found, and how many any of them. */
  by: Record<CheckName | 'open' | 'any', number>;
  /** Share of the bytes in live pages that hold anything. */
  used: number;
}

/** Flips one bit at a time in the bytes that a file uses, each in a copy of it, and lets the checks look for it. */
export function flipBits(
  path: string,
  seed: number,
  count: number,
  onFlip: (flip: Flip) => void = () => undefined,
): FlipTally {
  const { ranges, used, live } = usedBytes(path);
  const choose = chooser(seed);
  const copy = `${path}-flipped`;
  const flips: Flip[] = [];
  for (let n = 0; n < count; n++) {
    copyFileSync(path, copy);
    const byte = byteAt(ranges, choose.below(used));
    const bit = choose.below(8);
    flip(copy, byte, bit);
    flips.push({ byte, bit, found: foundBy(copy) });
    onFlip(flips.at(-1)!);
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
  }
  const by = Object.fromEntries(
    [...CHECKS, 'open' as const].map((name) => [name, flips.filter(({ found }) => found.includes(name)).length]),
  ) as Record<CheckName | 'open', number>;
  return { flips, by: { ...by, any: flips.filter(({ found }) => found.length > 0).length }, used: used / live };
}

function byteAt(ranges: [number, number][], offset: number): number {
  let rest = offset;
  for (const [from, to] of ranges) {
    if (rest < to - from) return from + rest;
    rest -= to - from;
  }
  throw new RangeError('Beyond the last byte in use');
}

function flip(path: string, byte: number, bit: number): void {
  const file = openSync(path, 'r+');
  const buffer = Buffer.alloc(1);
  readSync(file, buffer, 0, 1, byte);
  buffer[0]! ^= 1 << bit;
  writeSync(file, buffer, 0, 1, byte);
  closeSync(file);
}

function foundBy(path: string): Flip['found'] {
  try {
    return checkIntegrity(path, () => undefined)
      .checks.filter(({ ok }) => !ok)
      .map(({ name }) => name);
  } catch {
    // A file that cannot even be opened is noticed by everybody.
    return ['open'];
  }
}
