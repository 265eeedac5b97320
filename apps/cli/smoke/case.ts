import { isDeepStrictEqual } from 'node:util';
import { Mismatch, Skipped } from './mismatch.js';
import type { Heard, World } from './world.js';

/** One case of the smoke suite: it makes what it needs, and throws a {@link Mismatch} where the deployment disappoints. */
export interface SmokeCase {
  name: string;
  run(world: World): Promise<Finding | void>;
}

export interface SmokeCategory {
  name: string;
  cases: SmokeCase[];
}

/** What a case found beside having passed. */
export interface Finding {
  /** Milliseconds. */
  p50?: number;
  p99?: number;
  limit?: number;
  note?: string;
}

/** That the answer has this status; returns it. */
export function answers(status: number, heard: Heard): Heard {
  if (heard.status === status) return heard;
  throw new Mismatch(`${heard.asked} answered ${heard.status}, expected ${status}: ${heard.text.slice(0, 300)}`);
}

/** That the answer refuses with this status, as RFC 9457 shows a problem; returns it. */
export function refuses(status: number, heard: Heard): Heard {
  answers(status, heard);
  same('the content type of a refusal', heard.headers.get('content-type')?.split(';')[0], 'application/problem+json');
  same('status in the problem', heard.body.status, status);
  return heard;
}

/** Whether something in front of the deployment keeps this from us: its own refusals are problems. */
export const isHidden = ({ status, body }: Heard): boolean => status === 403 && body?.code === undefined;

/** What only some may see, as operators do: answered, or the case is skipped. */
export function shown(heard: Heard): Heard {
  if (isHidden(heard)) throw new Skipped(`${heard.asked} is not shown to this address`);
  return answers(200, heard);
}

export function same(what: string, found: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(found, wanted)) return;
  throw new Mismatch(`${what} is ${spell(found)}, expected ${spell(wanted)}`);
}

export function holds(what: string, condition: boolean): void {
  if (!condition) throw new Mismatch(what);
}

const spell = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 300);
