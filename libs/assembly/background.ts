import { setTimeout as sleep } from 'node:timers/promises';
import { decideStep, type SqliteAuditLog } from '#audit-log';
import { DomainError, type Caller } from '#kernel';
import { machineSeconds } from '#operations';
import { projectionStatus, type Turn } from '#projections';
import { embeddingBacklog, fillVectors, type EmbeddingModel } from '#search';
import { session, sessionsToArchive } from '#sessions';
import { layBallast } from '#storage';
import { systemCaller } from './caller.js';
import { watchDocuments } from './documents.js';
import { extractSessions } from './extract-sessions.js';
import { projectors } from './features.js';
import type { House } from './house.js';
import { unobserved } from './observe.js';
import { rememberOutcomes } from './remember-outcomes.js';
import { endStaleTasks } from './stale-tasks.js';

/** How often the loops look for work when there was none, and at most wait after failures, in milliseconds. */
const CATCH_UP_IDLE = 250;
const EMBED_IDLE = 250;
const TASKS_IDLE = 250;
const HOUSEKEEPING_EVERY = 60_000;
const JOBS_EVERY = 1000;
const EXTRACTION_IDLE = 250;
const LONGEST_BACKOFF = 30_000;

/** Starts everything that happens without being asked for; the returned function stops it after its current step. */
export function startBackground(opened: House): () => Promise<void> {
  const house = { ...opened, reads: unobserved(opened) };
  const stop = new AbortController();
  const stopWatching = watchDocuments(house);
  const loops = [
    ...projectors
      .filter(({ mode }) => mode === 'catch-up')
      .map(({ name }) => loop(house, `catch-up ${name}`, () => catchUp(house, name), stop.signal)),
    loop(house, 'sign', () => signHead(house), stop.signal),
    loop(house, 'embed', embedStep(house), stop.signal),
    loop(house, 'tasks', () => tendTasks(house), stop.signal),
    loop(house, 'housekeeping', () => housekeeping(house, stop.signal), stop.signal),
    loop(house, 'extraction', () => extract(house), stop.signal),
    loop(house, 'jobs', () => lookAtJobs(house), stop.signal),
    loop(house, 'erasures', () => goOnErasing(house), stop.signal),
  ];
  return async () => {
    stop.abort();
    await stopWatching();
    await house.jobs.stop();
    await Promise.all(loops);
  };
}

/** Repeats a step that returns how long to rest; a failure is logged and tried again after a growing pause. */
async function loop({ log }: House, name: string, step: () => Promise<number>, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    let rest: number;
    try {
      rest = await step();
      failures = 0;
    } catch (error) {
      if (error instanceof DomainError && error.code === 'shutting-down') return;
      log.error('background-step-failed', error, { loop: name, failures: ++failures });
      rest = Math.min(LONGEST_BACKOFF, 250 * 2 ** failures);
    }
    if (rest > 0) await sleep(rest, undefined, { signal }).catch(() => undefined);
  }
}

/** How often the whole backlog is looked through, not only what is newer than what was done, in milliseconds. */
const LOOK_BACK_EVERY = 60_000;

/** Gives texts their vectors, but only while nobody waits for the writer. */
function embedStep({ auditLog, reads, meaning: { embedder }, metrics, writer }: House): () => Promise<number> {
  let model: EmbeddingModel | undefined;
  let done = { after: 0, at: 0 };
  let waitingSince: string | null = null;
  metrics.onScrape(() => metrics.embeddingOldest.set(secondsSince(waitingSince)));
  return async () => {
    const { model: name, dimensions } = embedder;
    const of = (model ??= await auditLog.chore<EmbeddingModel>('register-model', { name, dimensions }));
    // Embedding takes the processors from those who write, too.
    await quiet(writer);
    const begin = performance.now();
    if (begin - done.at > LOOK_BACK_EVERY) done = { after: 0, at: begin };
    const { after } = done;
    let limit = 0;
    const turn = fillVectors(embedder, {
      backlog: async (wanted) => {
        limit = wanted;
        const backlog = await reads.scan(embeddingBacklog, { model: of, after, limit });
        waitingSince = backlog.since;
        return backlog;
      },
      store: async (vectors) => {
        await quiet(writer);
        return auditLog.chore('store-vectors', { model: of, vectors });
      },
      park: (text_id, reason) =>
        auditLog.chore('park-text', { model: of, text_id, reason, time: new Date().toISOString() }),
    });
    const { stored, parked, backlog } = await turn;
    metrics.embeddings.inc({ result: 'stored' }, stored);
    metrics.embeddings.inc({ result: 'parked' }, parked);
    if (backlog.texts.length < limit) {
      done.after = backlog.last;
      waitingSince = null;
    }
    return backlog.texts.length > 0 ? 0 : EMBED_IDLE;
  };
}

const secondsSince = (time: string | null): number =>
  time === null ? 0 : Math.max(0, (Date.now() - Date.parse(time)) / 1000);

/** Waits until no write waits, but not for ever: under constant load the backlog still gets smaller. */
async function quiet(writer: { depth: number }): Promise<void> {
  for (let waited = 0; writer.depth > 0 && waited < 2000; waited += 10) await sleep(10);
}

async function catchUp({ auditLog, metrics, writer, reads }: House, name: string): Promise<number> {
  // Looking costs microseconds here, a turn that finds nothing costs the writer a transaction.
  const status = reads.point(projectionStatus, null).find((projection) => projection.name === name);
  if (status?.lag === 0) return CATCH_UP_IDLE;
  try {
    await quiet(writer);
    const { events } = await auditLog.chore<Turn>('catch-up', name);
    return events > 0 ? 0 : CATCH_UP_IDLE;
  } catch (error) {
    metrics.projectionErrors.inc({ projection: name });
    await auditLog.chore('projection-stopped', { name, reason: (error as Error).message.slice(0, 1000) });
    throw error;
  }
}

/** What a process that is gone was told to erase. */
async function goOnErasing({ erasures }: House): Promise<number> {
  await erasures.resume();
  return HOUSEKEEPING_EVERY;
}

async function extract(house: House): Promise<number> {
  return (await extractSessions(house)) > 0 ? 0 : EXTRACTION_IDLE;
}

async function lookAtJobs({ jobs }: House): Promise<number> {
  await jobs.tick();
  return JOBS_EVERY;
}

/** Signs the head of a log that has grown. */
async function signHead({ config, signer, metrics }: House): Promise<number> {
  const every = config.ABATHUR_SIGN_EVERY_SECONDS * 1000;
  if (every === 0) return HOUSEKEEPING_EVERY;
  try {
    await signer.head();
    metrics.logContinues.set(1);
  } catch (error) {
    if (error instanceof DomainError && error.code === 'log-rewritten') metrics.logContinues.set(0);
    throw error;
  }
  return every;
}

/** Ends attempts that have run out of time, and remembers how tasks ended. */
async function tendTasks(house: House): Promise<number> {
  const seen = (await endStaleTasks(house)) + (await rememberOutcomes(house));
  return seen > 0 ? 0 : TASKS_IDLE;
}

async function housekeeping(house: House, signal: AbortSignal): Promise<number> {
  const caller = systemCaller();
  await house.auditLog.chore('forget-commits', caller.time);
  await house.auditLog.chore('tidy-operations', { time: caller.time, uptime: machineSeconds() });
  await archiveSessions(house, caller);
  const { ABATHUR_DB_PATH: path, ABATHUR_BALLAST_MB: ballast } = house.config;
  if (await layBallast(path, ballast, signal)) house.log.info('ballast-laid', { megabytes: ballast });
  return HOUSEKEEPING_EVERY;
}

/** Archives sessions that ended long enough ago. */
async function archiveSessions({ config, auditLog, reads, log }: House, caller: Caller): Promise<void> {
  const before = new Date(Date.parse(caller.time) - config.ABATHUR_ARCHIVE_AFTER_DAYS * 24 * 3600 * 1000).toISOString();
  for (const session_id of await reads.scan(sessionsToArchive, { before, limit: 1000 })) {
    await archive(auditLog, caller, session_id);
    log.info('session-archived', { session_id });
  }
}

async function archive(auditLog: SqliteAuditLog, caller: Caller, session_id: string): Promise<void> {
  const step = decideStep(session, { type: 'ChangeStatus', session_id, status: 'archived' });
  await auditLog.execute({ caller, steps: [step] });
}
