import { isDeepStrictEqual } from 'node:util';
import { EXIT, Failure } from '../failure.js';
import type { Interrupt } from '../interrupt.js';
import { count, duration, Progress } from '../progress.js';
import { Refused, type Rest } from '../rest.js';
import { readConversations } from './conversations.js';
import { APP_NAME, planOf, type Plan, type PlannedMemory, type PlannedSession } from './plan.js';

export interface LoadOptions {
  file: string;
  url: string;
  concurrency: number;
  /** No bar and no lines: only the result counts. */
  quiet: boolean;
}

/** Of one kind of thing: how many the file holds, how many this run wrote, how many read back as they were sent. */
export interface Tally {
  in_file: number;
  new: number;
  known: number;
  read_back: number;
}

export interface LoadSummary {
  ok: boolean;
  file: string;
  url: string;
  conversations: number;
  sessions: Tally;
  events: Tally;
  memories: Tally;
  seconds: { load: number; read_back: number; verify: number };
  per_second: { load: number; read_back: number; verify: number };
  audit: { ok: boolean; checked: number; position: number; entry_hash: string; broken_at?: number; reason?: string };
  /** What did not come back as it was sent, the first few. */
  differences: string[];
}

const RERUN = 'Run the same command again: it goes on where this one stopped, and writes nothing twice.';
const MOST_DIFFERENCES = 20;

/** Loads a file of conversations through REST, reads everything back, and has the chain verified. */
export async function load(rest: Rest, interrupt: Interrupt, options: LoadOptions): Promise<LoadSummary> {
  const { file, url, concurrency, quiet } = options;
  const conversations = readConversations(file);
  const plan = planOf(conversations);
  const events = plan.memories.length;
  await rest.get('/health/live');

  const writing = new Progress('Loading', 2 * events, process.stderr, quiet);
  const written = await write(rest, interrupt, plan, concurrency, writing).finally(() => {
    if (interrupt.requested) writing.end();
  });
  const loadSeconds = writing.end();

  const reading = new Progress('Reading back', 2 * events, process.stderr, quiet);
  const read = await readBack(rest, interrupt, plan, concurrency, reading);
  const readSeconds = reading.end();

  const begin = performance.now();
  const audit = await verifyChain(rest);
  const verifySeconds = (performance.now() - begin) / 1000;

  const tally = (in_file: number, fresh: number, read_back: number): Tally => ({
    in_file,
    new: fresh,
    known: in_file - fresh,
    read_back,
  });
  return {
    ok: read.differences.length === 0 && audit.ok,
    file,
    url,
    conversations: conversations.length,
    sessions: tally(plan.sessions.length, written.sessions, read.sessions),
    events: tally(events, written.events, read.events),
    memories: tally(plan.memories.length, written.memories, read.memories),
    seconds: { load: round(loadSeconds), read_back: round(readSeconds), verify: round(verifySeconds) },
    per_second: {
      load: Math.round((2 * events) / loadSeconds),
      read_back: Math.round((2 * events) / readSeconds),
      verify: Math.round(audit.checked / verifySeconds),
    },
    audit,
    differences: read.differences.slice(0, MOST_DIFFERENCES),
  };
}

async function write(
  rest: Rest,
  interrupt: Interrupt,
  plan: Plan,
  concurrency: number,
  progress: Progress,
): Promise<{ sessions: number; events: number; memories: number }> {
  const total = { sessions: 0, events: 0, memories: 0 };
  const jobs = [
    ...plan.sessions.map((session) => async () => {
      const { created, appended } = await writeSession(rest, interrupt, session, progress);
      total.sessions += created ? 1 : 0;
      total.events += appended;
    }),
    ...plan.imports.map((memories) => async () => {
      const { body } = await rest.postLines<{ written: number }>('/v1/memories/import', memories);
      total.memories += body.written;
      progress.add(memories.length);
    }),
  ];
  await inParallel(jobs, concurrency, interrupt);
  return total;
}

async function writeSession(
  rest: Rest,
  interrupt: Interrupt,
  { create, batches }: PlannedSession,
  progress: Progress,
): Promise<{ created: boolean; appended: number }> {
  const before = await openSession(rest, create);
  for (const events of batches) {
    interrupt.check(RERUN);
    await rest.post(`${pathOf(create)}/events/batch`, { events });
    progress.add(events.length);
  }
  const { body } = await rest.get<{ event_count: number }>(`${pathOf(create)}?num_recent_events=0`);
  return { created: before === undefined, appended: body.event_count - (before ?? 0) };
}

/** Creates a session; when it is there already, how many events it has. */
async function openSession(rest: Rest, create: PlannedSession['create']): Promise<number | undefined> {
  try {
    await rest.post('/v1/sessions', create);
    return undefined;
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== 'session-exists') throw error;
    const { body } = await rest
      .get<{ app_name: string; user_id: string; event_count: number }>(`${pathOf(create)}?num_recent_events=0`)
      .catch((missing: unknown) => {
        // It existed and was deleted: what the server said to the creation tells more than "not found".
        throw missing instanceof Refused && missing.status === 404 ? error : missing;
      });
    if (body.app_name !== create.app_name || body.user_id !== create.user_id) {
      throw new Failure(
        EXIT.data,
        'session-taken',
        `Session ${create.session_id} is there already and belongs to ${body.app_name}/${body.user_id}, not to ${APP_NAME}/${create.user_id}.`,
        'Load into another database, or give the conversation another sample_id.',
      );
    }
    return body.event_count;
  }
}

const pathOf = ({ session_id }: PlannedSession['create']): string => `/v1/sessions/${encodeURIComponent(session_id)}`;

interface ReadBack {
  sessions: number;
  events: number;
  memories: number;
  differences: string[];
}

interface EventView {
  event_id: string;
  timestamp: string;
  actor: string;
  content: object;
}

interface MemoryView {
  namespace: string;
  key: string;
  value: object;
  metadata: object;
}

/** Reads all that the plan names and compares it with what the server holds. */
async function readBack(
  rest: Rest,
  interrupt: Interrupt,
  plan: Plan,
  concurrency: number,
  progress: Progress,
): Promise<ReadBack> {
  const result: ReadBack = { sessions: 0, events: 0, memories: 0, differences: [] };
  const wanted = Map.groupBy(plan.memories, ({ namespace }) => namespace);
  const jobs = [
    ...plan.sessions.map((session) => () => readSession(rest, session, result, progress)),
    ...plan.namespaces.map(
      (namespace) => () => readNamespace(rest, namespace, wanted.get(namespace) ?? [], result, progress),
    ),
  ];
  await inParallel(jobs, concurrency, interrupt);
  return result;
}

async function readSession(
  rest: Rest,
  { create, events }: PlannedSession,
  result: ReadBack,
  progress: Progress,
): Promise<void> {
  const held = new Map<string, EventView>();
  for await (const page of rest.list<EventView>(`${pathOf(create)}/events?limit=1000`)) {
    for (const event of page) held.set(event.event_id, event);
  }
  let same = 0;
  for (const { event_id, timestamp, actor, content } of events) {
    const found = held.get(event_id);
    const got = found && { timestamp: found.timestamp, actor: found.actor, content: found.content };
    if (isDeepStrictEqual(got, { timestamp, actor, content })) same += 1;
    else result.differences.push(`session ${create.session_id}, event ${event_id}: ${got ? 'differs' : 'is missing'}`);
  }
  result.events += same;
  result.sessions += same === events.length ? 1 : 0;
  progress.add(events.length);
}

async function readNamespace(
  rest: Rest,
  namespace: string,
  memories: PlannedMemory[],
  result: ReadBack,
  progress: Progress,
): Promise<void> {
  const held = new Map<string, MemoryView>();
  const list = `/v1/memories?limit=1000&namespace_prefix=${encodeURIComponent(namespace)}`;
  for await (const page of rest.list<MemoryView>(list)) {
    for (const memory of page) if (memory.namespace === namespace) held.set(memory.key, memory);
    progress.add(Math.min(page.length, memories.length));
  }
  for (const { key, value, metadata } of memories) {
    const found = held.get(key);
    const got = found && { value: found.value, metadata: found.metadata };
    if (isDeepStrictEqual(got, { value, metadata })) result.memories += 1;
    else result.differences.push(`memory ${namespace}/${key}: ${got ? 'differs' : 'is missing'}`);
  }
}

interface Verification {
  ok: boolean;
  checked: number;
  head: { position: number; entry_hash: string };
  broken_at?: number;
  reason?: string;
}

/** Asks the server to recompute the chain of its log. */
export async function verifyChain(rest: Rest): Promise<LoadSummary['audit']> {
  const { body } = await rest.post<Verification>('/v1/audit/verify', {});
  const { head, ...found } = body;
  return { ...found, position: head.position, entry_hash: head.entry_hash };
}

/** Works jobs off, so many at a time; the first failure, or a request to stop, lets those under way end. */
async function inParallel(jobs: (() => Promise<void>)[], width: number, interrupt: Interrupt): Promise<void> {
  const waiting = jobs.values();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const job of waiting) {
      if (failed) return;
      interrupt.check(RERUN);
      await job().catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: width }, lane));
  if (interrupt.requested) interrupt.check(RERUN);
  const first = ends.find((end) => end.status === 'rejected');
  if (first !== undefined) throw first.reason;
}

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;

/** The summary as a table for people. */
export function tableOf(summary: LoadSummary): string {
  const { seconds, per_second, audit, differences, conversations, file } = summary;
  const row = (name: string, { in_file, new: fresh, known, read_back }: Tally): string =>
    name.padEnd(10) + [in_file, fresh, known, read_back].map((value) => count(value).padStart(12)).join('');
  const work = (name: string, time: number, rate: string): string =>
    `${name.padEnd(10)}${duration(time).padStart(12)}${rate.padStart(20)}`;
  return [
    '',
    `${count(conversations)} conversations from ${file}`,
    '',
    `${' '.repeat(10)}${['in the file', 'new', 'known', 'read back'].map((title) => title.padStart(12)).join('')}`,
    row('sessions', summary.sessions),
    row('events', summary.events),
    row('memories', summary.memories),
    '',
    work('load', seconds.load, `${count(per_second.load)} items/s`),
    work('read back', seconds.read_back, `${count(per_second.read_back)} items/s`),
    work('verify', seconds.verify, `${count(per_second.verify)} entries/s`),
    '',
    audit.ok
      ? `The chain holds: ${count(audit.checked)} entries, head ${audit.entry_hash.slice(0, 16)}…`
      : `The chain is broken at ${audit.broken_at}: ${audit.reason}.`,
    ...(differences.length === 0
      ? ['Everything reads back as it was sent.']
      : [
          'Not everything reads back as it was sent:',
          ...differences.map((difference) => `  ${difference}`),
          'Somebody changed it since; a second load does not take that back where the events are known already.',
        ]),
    '',
  ].join('\n');
}
