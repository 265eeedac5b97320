import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, Failure } from '../failure.js';
import type { Interrupt } from '../interrupt.js';
import { Progress } from '../progress.js';
import { chartsOf } from './charts.js';
import { alertingOf, type Alerting } from './prometheus.js';
import { markdownOf, reportOf, type Plan, type Report } from './report.js';
import { look } from './sample.js';
import type { Tick } from './tally.js';

export interface WatchOptions {
  urls: string[];
  key?: string | undefined;
  seconds: number;
  every: number;
  out: string;
  prometheus?: string | undefined;
  quiet: boolean;
}

const SAMPLES = 'samples.ndjson';
/** How soon Ctrl-C is heard, in milliseconds. */
const LISTEN = 200;

/** Looks until the time is over or somebody stops it; each look is on disk before the next. */
export async function watch(options: WatchOptions, interrupt: Interrupt): Promise<Report> {
  const { urls, seconds, every, out, key, prometheus, quiet } = options;
  if (existsSync(join(out, SAMPLES))) {
    throw new Failure(
      EXIT.usage,
      'watch-exists',
      `${join(out, SAMPLES)} is the record of another watch.`,
      'Give another --out.',
    );
  }
  if (prometheus !== undefined) await alertingOf(prometheus, 1);
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const first = await tick(urls, headers);
  if (first.samples.every(({ answered_ms }) => answered_ms === null)) {
    throw new Failure(
      EXIT.unavailable,
      'no-server',
      `No server answers at ${urls.join(', ')}.`,
      'Start one with npm start, or say where it is with --url.',
    );
  }
  const plan: Plan = { urls, asked_seconds: seconds, every_seconds: every, began_at: first.at };
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, SAMPLES), `${JSON.stringify({ plan })}\n${JSON.stringify(first)}\n`);
  const ticks = [first];
  const progress = new Progress('Watching', seconds, process.stderr, quiet, { isTime: true });
  const begin = performance.now();
  for (let number = 1; number * every <= seconds && !interrupt.requested; number++) {
    const next = begin + number * every * 1000;
    while (performance.now() < next && !interrupt.requested) {
      await sleep(Math.min(LISTEN, next - performance.now()));
      progress.reach(Math.min(seconds, Math.floor((performance.now() - begin) / 1000)));
    }
    if (interrupt.requested) break;
    const seen = await tick(urls, headers);
    appendFileSync(join(out, SAMPLES), `${JSON.stringify(seen)}\n`);
    ticks.push(seen);
  }
  progress.end();
  // Two days are not thrown away because Prometheus is down at the end of them: then alerts were not seen.
  const alerting =
    prometheus === undefined
      ? null
      : await alertingOf(prometheus, (performance.now() - begin) / 1000).catch(() => null);
  return written(plan, ticks, alerting, out);
}

/** The report once more, from the record of a watch, also of one that was killed. */
export function fromRecord(file: string, out: string): Report {
  if (!existsSync(file)) throw new Failure(EXIT.noInput, 'no-record', `There is no record of a watch at ${file}.`);
  const [head, ...lines] = readFileSync(file, 'utf8').split('\n');
  try {
    const { plan } = JSON.parse(head!) as { plan: Plan };
    // The last line may be cut off where the watch was killed.
    const ticks = lines.slice(0, -1).map((line) => JSON.parse(line) as Tick);
    if (ticks.length === 0) throw new Error('it has no looks');
    mkdirSync(out, { recursive: true });
    return written(plan, ticks, null, out);
  } catch (error) {
    throw new Failure(EXIT.data, 'broken-record', `${file} is no record of a watch: ${(error as Error).message}.`);
  }
}

async function tick(urls: string[], headers: Record<string, string>): Promise<Tick> {
  const at = new Date().toISOString();
  return { at, samples: await Promise.all(urls.map((url) => look(url.replace(/\/+$/, ''), headers))) };
}

function written(plan: Plan, ticks: Tick[], alerting: Alerting | null, out: string): Report {
  const judged = reportOf(plan, ticks, alerting);
  const charts = chartsOf(judged.tally);
  for (const { file, svg } of charts) writeFileSync(join(out, file), svg);
  writeFileSync(join(out, 'report.json'), `${JSON.stringify(judged.report, null, 2)}\n`);
  writeFileSync(join(out, 'report.md'), markdownOf(judged, charts));
  return judged.report;
}
