import { Agent, request } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Latencies } from './latencies.js';
import { randomOf } from './random.js';
import { Visitor, type Asked } from './visitor.js';

export interface DriveOptions {
  url: string;
  key?: string | undefined;
  app: string;
  sessions: number;
  /** Requests per second that are due, whether answers come or not; `null`: each as soon as the one before it is answered. */
  rate: number | null;
  seconds: number;
  seed: number;
  /** Part of the names of what is made, so that two runs do not meet. */
  run: string;
}

/** How the requests of one kind went. */
export interface KindFigures {
  kind: string;
  answered: number;
  /** Refused with 429 or 503: sent away, not wrong. */
  shed: number;
  /** Every other answer that is not 2xx, and connections that broke. */
  failed: number;
  /** Milliseconds from when a request was due until its answer was there. */
  p50: number | null;
  p99: number | null;
  longest: number;
}

export interface TrafficFigures {
  sessions: number;
  seconds: number;
  rate: number | null;
  /** All requests that were due. */
  due: number;
  /** Answers with 2xx, per second. */
  goodput: number;
  /** Due before the end, but their session still waited for an earlier answer: never sent. */
  unsent: number;
  /** Milliseconds from sending alone: what a client that waits for its turn believes. */
  from_sending: { p50: number | null; p99: number | null };
  all: Omit<KindFigures, 'kind'>;
  kinds: KindFigures[];
  /** First answers that failed, as they were. */
  failures: string[];
}

/** How long an answer may take before it is counted as failed, in milliseconds. */
const PATIENCE = 60_000;
/** Failures that are told with their text. */
const TOLD = 5;

class Record {
  readonly latencies = new Latencies();
  shed = 0;
  failed = 0;
}

/**
 * Sessions that ask at times of their own, drawn before and kept to: when an answer is late, those behind it are late
 * as well, and their waiting counts. A generator that waits politely instead measures the server only when it is well
 * (coordinated omission).
 */
export async function drive(
  options: DriveOptions,
  stopped: () => boolean,
  tick?: (seconds: number) => void,
): Promise<TrafficFigures> {
  const { sessions, seconds, rate } = options;
  const kinds = new Map<string, Record>();
  const all = new Record();
  const sending = new Latencies();
  const failures: string[] = [];
  let [due, unsent] = [0, 0];
  const begin = performance.now();
  const end = begin + seconds * 1000;
  const between = rate === null ? 0 : (sessions / rate) * 1000;
  const ticking = setInterval(() => tick?.((performance.now() - begin) / 1000), 200);

  const visit = async (number: number): Promise<void> => {
    const visitor = new Visitor(options.run, number, options.app, options.seed);
    const times = randomOf(options.seed * 31 + number);
    const ask = asker(options);
    // Spread over the first interval, so that not all begin at once.
    let at = begin + times() * between;
    while (at < end && !stopped()) {
      await until(at, stopped);
      const asked = visitor.next();
      const record = kinds.get(asked.kind) ?? new Record();
      kinds.set(asked.kind, record);
      due += 1;
      const sent = performance.now();
      if (sent >= end || stopped()) {
        unsent += 1;
        at = rate === null ? end : at - Math.log(1 - times()) * between;
        continue;
      }
      const { status, text } = await ask.send(asked);
      const answered = performance.now();
      if (status >= 200 && status < 300) {
        for (const { latencies } of [record, all]) latencies.add(answered - (rate === null ? sent : at));
        sending.add(answered - sent);
      } else if (status === 429 || status === 503) {
        for (const counted of [record, all]) counted.shed += 1;
        // What is shed comes at once; without a pause a closed loop would do nothing but be sent away.
        if (rate === null) await sleep(50);
      } else {
        for (const counted of [record, all]) counted.failed += 1;
        if (failures.length < TOLD) failures.push(`${asked.method} ${asked.path}: ${status} ${text.slice(0, 300)}`);
      }
      at = rate === null ? performance.now() : at - Math.log(1 - times()) * between;
    }
    ask.close();
  };

  await Promise.all(Array.from({ length: sessions }, (_, number) => visit(number)));
  clearInterval(ticking);
  const took = (performance.now() - begin) / 1000;
  return {
    sessions,
    seconds: took,
    rate,
    due,
    goodput: all.latencies.count / took,
    unsent,
    from_sending: { p50: sending.quantile(0.5), p99: sending.quantile(0.99) },
    all: figuresOf(all),
    kinds: [...kinds]
      .map(([kind, record]) => ({ kind, ...figuresOf(record) }))
      .toSorted((a, b) => b.answered - a.answered),
    failures,
  };
}

const figuresOf = ({ latencies, shed, failed }: Record): Omit<KindFigures, 'kind'> => ({
  answered: latencies.count,
  shed,
  failed,
  p50: latencies.quantile(0.5),
  p99: latencies.quantile(0.99),
  longest: latencies.longest,
});

async function until(at: number, stopped: () => boolean): Promise<void> {
  for (let left = at - performance.now(); left > 0 && !stopped(); left = at - performance.now()) {
    await sleep(Math.min(left, 500));
  }
}

/** One connection, kept open: a session is one client. */
function asker({ url, key }: DriveOptions): {
  send: (asked: Asked) => Promise<{ status: number; text: string }>;
  close: () => void;
} {
  const secure = url.startsWith('https:');
  const agent = secure
    ? new SecureAgent({ keepAlive: true, maxSockets: 1 })
    : new Agent({ keepAlive: true, maxSockets: 1 });
  const base = url.replace(/\/+$/, '');
  const send = ({ method, path, body, heard }: Asked): Promise<{ status: number; text: string }> =>
    new Promise((resolve) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers: { [name: string]: string | number } = key === undefined ? {} : { authorization: `Bearer ${key}` };
      if (text !== undefined) {
        headers['content-type'] = 'application/json';
        headers['content-length'] = Buffer.byteLength(text);
      }
      const failed = (error: Error): void => resolve({ status: 0, text: error.message });
      const asking = (secure ? secureRequest : request)(
        base + path,
        { method, headers, agent, timeout: PATIENCE },
        (answer) => {
          const pieces: Buffer[] = [];
          answer.on('data', (piece: Buffer) => pieces.push(piece));
          answer.on('error', failed);
          answer.on('end', () => {
            const heardText = Buffer.concat(pieces).toString();
            const status = answer.statusCode ?? 0;
            if (status >= 200 && status < 300) heard?.(heardText === '' ? null : JSON.parse(heardText));
            resolve({ status, text: heardText });
          });
        },
      );
      asking.on('timeout', () => asking.destroy(new Error(`no answer within ${PATIENCE / 1000} s`)));
      asking.on('error', failed);
      asking.end(text);
    });
  return { send, close: () => agent.destroy() };
}
