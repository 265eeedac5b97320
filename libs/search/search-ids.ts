import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SearchMode } from './search.js';

/** A search as its id tells of it. */
export interface AnsweredSearch {
  source: 'memory' | 'document';
  mode: SearchMode;
  /** When it was answered, in milliseconds. */
  time: number;
  /** What it answered with, best first. */
  ids: number[];
}

const MODES: SearchMode[] = ['hybrid', 'semantic', 'keyword'];
const SOURCES: AnsweredSearch['source'][] = ['memory', 'document'];
const MAC_BYTES = 16;
/** How long after a search its results may be judged, in milliseconds. */
const LIFE = 24 * 3600 * 1000;

/**
 * Ids of searches that say what was found, and are signed: feedback can be held against its search, in any process and
 * after a restart, though no search is ever written down.
 */
export class SearchIds {
  constructor(private readonly key: Buffer) {}

  issue({ source, mode, time, ids }: AnsweredSearch): string {
    const bytes = [SOURCES.indexOf(source) * MODES.length + MODES.indexOf(mode), ...numeral(time)];
    for (const id of ids) bytes.push(...numeral(id));
    const body = Buffer.from(bytes);
    return Buffer.concat([body, this.mac(body)]).toString('base64url');
  }

  /** What an id tells; nothing when we did not issue it, or too long ago. */
  read(id: string, now: number): AnsweredSearch | undefined {
    const bytes = Buffer.from(id, 'base64url');
    // One spelling only: decoding is lenient.
    if (bytes.length <= MAC_BYTES || bytes.toString('base64url') !== id) return undefined;
    const body = bytes.subarray(0, -MAC_BYTES);
    if (!timingSafeEqual(this.mac(body), bytes.subarray(-MAC_BYTES))) return undefined;
    const [time, ...ids] = numbers(body.subarray(1));
    if (time! + LIFE < now) return undefined;
    const kind = body[0]!;
    return { source: SOURCES[Math.floor(kind / MODES.length)]!, mode: MODES[kind % MODES.length]!, time: time!, ids };
  }

  private mac(body: Buffer): Buffer {
    return createHmac('sha256', this.key).update(body).digest().subarray(0, MAC_BYTES);
  }
}

/** A number in as few bytes as it needs: seven bits each, lowest first, the eighth says that more follow. */
function numeral(number: number): number[] {
  const bytes: number[] = [];
  let rest = number;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

function numbers(bytes: Buffer): number[] {
  const found: number[] = [];
  let [number, scale] = [0, 1];
  for (const byte of bytes) {
    number += (byte & 127) * scale;
    scale *= 128;
    if (byte >= 128) continue;
    found.push(number);
    [number, scale] = [0, 1];
  }
  return found;
}
