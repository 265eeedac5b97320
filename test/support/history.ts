import { chooseStep, decideStep, planStep, type SqliteAuditLog, type Step } from '#audit-log';
import { apiKey, readAudit } from '#access';
import { context, erasure, planRevert } from '#assembly';
import { DomainError, streamName, type Json, type JsonObject } from '#kernel';
import { document, DOCUMENT_TYPES, readDocument } from '#documents';
import { job } from '#jobs';
import { conflict, CONFLICT_KINDS, memory, MEMORY_TYPES, planQuarantine, quarantine } from '#memories';
import { feedback, FEEDBACK_SIGNALS } from '#search';
import { session, SESSION_STATUSES, EVENT_TYPES, type NewSessionEvent, type StateDelta } from '#sessions';
import { agent, AGENT_STATES, nextTask, progress, startOf, task, taskStream } from '#work';
import { caller } from './house.js';

/** What became of a lived history. */
export interface Lived {
  taken: number;
  /** How often each refusal was given: refusals are part of a life, too. */
  refused: Record<string, number>;
}

/**
 * Lives a rich life on a log: sessions with state in every scope, forks, ends and deletions; memories that change,
 * go, come back, are published, and refer to sessions; documents that are written, become unreadable, move and go; tasks
 * that wait for each other, are claimed, end well or badly, and what is kept of them. The same seed is the same life.
 */
export async function live(log: SqliteAuditLog, seed: number, works: number): Promise<Lived> {
  const choose = chooser(seed);
  const lived: Lived = { taken: 0, refused: {} };
  for (let n = 0; n < works; n++) {
    const time = new Date(START + n * 17_000).toISOString();
    const actor = choose.one(['user', 'system', 'agent:planner', 'agent:writer']);
    try {
      if (n % 60 === 31) await regret(log, n, time);
      if (n % 120 === 100) await distrust(log, n, time);
      if (n % 120 === 110 && n > 110) await trustAgain(log, n, time);
      if (n % 40 === 13) await log.execute({ caller: caller({ time }), steps: keyLife(n) });
      if (n % 90 === 75) await log.execute({ caller: caller({ time }), steps: reading(n, time) });
      if (n % 180 === 170) await log.execute({ caller: caller({ time }), steps: erasing(n, time) });
      await log.execute({
        caller: caller({ time, actor, correlation_id: `work-${n % 9}` }),
        steps: work(choose, time, n),
      });
      lived.taken += 1;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      lived.refused[error.code] = (lived.refused[error.code] ?? 0) + 1;
    }
  }
  return lived;
}

/** Something is done and taken back as a whole; every other time that is taken back, too. */
async function regret(log: SqliteAuditLog, n: number, time: string): Promise<void> {
  const under = (correlation_id: string, ...steps: Step[]) =>
    log.execute({ caller: caller({ time, correlation_id }), steps });
  const session_id = `regret-${n}`;
  const address = { namespace: 'app:planner', key: `regret-${n}` };
  await under(
    `before-${n}`,
    decideStep(session, {
      type: 'CreateSession',
      session_id,
      app_name: 'planner',
      user_id: `user-${n}`,
      project_id: null,
      metadata: {},
      state: { mood: 'calm', 'user:language': 'en' },
    }),
    decideStep(memory, { type: 'WriteMemory', mode: 'put', ...address, value: { n } }),
    decideStep(conflict, {
      type: 'ReportConflict',
      conflict_id: session_id,
      kind: 'same_key',
      namespace: 'app:planner',
      members: [{ ...address, version: 1 }],
      reason: 'One key means two things.',
    }),
  );
  await under(
    `regretted-${n}`,
    decideStep(session, { type: 'SetState', session_id, key: 'mood', value: 'angry' }),
    decideStep(session, { type: 'SetState', session_id, key: 'user:theme', value: 'dark' }),
    decideStep(memory, { type: 'WriteMemory', mode: 'put', ...address, value: { n: n + 1 } }),
    decideStep(conflict, { type: 'ResolveConflict', conflict_id: session_id, strategy: 'keep_all', result: null }),
  );
  const revert = (operation: string, by: string) => under(by, planStep(planRevert, { operation, by, dry_run: false }));
  await revert(`regretted-${n}`, `reverted-${n}`);
  if (n % 120 === 31) await revert(`reverted-${n}`, `restored-${n}`);
}

const START = Date.parse('2026-01-02T03:04:05.678Z');

const USERS = ['alice', 'bob', 'élodie:x'];
const NAMESPACES = ['user:alice', 'user:alice:travel', 'app:planner', 'project:p%1', 'session:s1'];
const KEYS = ['coffee', 'tea', 'naïve 🎉', '50%'];
const STATE_KEYS = ['mood', 'session:turn', 'user:language', 'app:theme', 'project:phase', 'temp:draft', '__proto__'];

/** One to three things that happen together. */
function work(choose: Chooser, timestamp: string, n: number): Step[] {
  if (n % 60 === 59) return [judge(n, timestamp)];
  if (n % 60 === 29) return [giveContext(n, timestamp)];
  if (n % 60 === 39) return fade(choose);
  if (n % 100 === 50) return [configure(n)];
  if (n % 4 === 2) return tasks(choose);
  if (choose.chance(0.08)) return fork(choose, timestamp);
  if (choose.chance(0.08)) return [documentStep(choose)];
  if (n % 7 === 3) return [setAside(choose)];
  if (n % 20 === 8) return [dispute(choose, n)];
  return Array.from({ length: choose.chance(0.15) ? 3 : 1 }, () => step(choose, timestamp));
}

function step(choose: Chooser, timestamp: string): Step {
  const session_id = sessionId(choose);
  const address = { namespace: choose.one(NAMESPACES), key: choose.one(KEYS) };
  const version = choose.below(3) + 1;
  switch (choose.below(16)) {
    case 0:
    case 1:
      return create(choose, session_id);
    case 2:
    case 3:
    case 4:
      return decideStep(session, { type: 'AppendEvents', session_id, events: events(choose, timestamp) });
    case 5:
      return decideStep(session, {
        type: 'SetState',
        session_id,
        key: choose.one(STATE_KEYS),
        value: value(choose),
      });
    case 6:
    case 7:
      return decideStep(session, { type: 'ChangeStatus', session_id, status: choose.one(SESSION_STATUSES) });
    case 8:
      return decideStep(session, { type: 'DeleteSession', session_id });
    case 9:
      return decideStep(memory, { type: 'DeleteMemory', ...address });
    case 10:
      return decideStep(memory, { type: 'RestoreMemory', ...address });
    case 11:
      return decideStep(memory, { type: 'RestoreMemory', ...address, rollback: { version, content: content(choose) } });
    case 12:
      return decideStep(memory, {
        type: 'PublishMemory',
        ...address,
        source: { namespace: 'session:s1', key: address.key, version },
        content: content(choose),
      });
    default:
      return write(choose, address);
  }
}

function write(choose: Chooser, address: { namespace: string; key: string }): Step {
  const session_id = choose.chance(0.5) ? sessionId(choose) : undefined;
  return decideStep(
    memory,
    {
      type: 'WriteMemory',
      mode: choose.chance(0.8) ? 'put' : 'add',
      ...address,
      ...content(choose),
      ...(session_id === undefined ? {} : { session_id }),
      ...(choose.chance(0.2) ? { task_id: `t${choose.below(3)}` } : {}),
      ...(choose.chance(0.2) ? { ttl_seconds: 60 * (choose.below(5) + 1) } : {}),
    },
    { requires: session_id === undefined ? [] : [streamName('session', session_id)] },
  );
}

/** A memory goes into another one, is archived, or is to be looked at; or is what others went into. */
function setAside(choose: Chooser): Step {
  const address = { namespace: choose.one(NAMESPACES), key: choose.one(KEYS) };
  const into = { namespace: choose.one(NAMESPACES), key: choose.one(KEYS), version: 1 };
  const conflict_id = `conflict-${choose.below(5)}`;
  switch (choose.below(6)) {
    case 0:
      return decideStep(memory, {
        type: 'ConsolidateMemory',
        ...address,
        if_match: choose.below(3) + 1,
        content: content(choose),
        expires_at: choose.chance(0.5) ? null : '2027-01-01T00:00:00.000Z',
        from: [into],
      });
    case 1:
      return decideStep(memory, { type: 'SupersedeMemory', ...address, into });
    case 2:
      return decideStep(memory, { type: 'ArchiveMemory', ...address });
    case 3:
      return decideStep(memory, { type: 'ReviewMemory', ...address, conflict_id });
    default:
      return decideStep(memory, { type: 'FlagMemory', ...address, conflict_id });
  }
}

/** A conflict is found, and settled some time later. */
function dispute(choose: Chooser, n: number): Step {
  const members = [1, 2].map((version) => ({ namespace: choose.one(NAMESPACES), key: choose.one(KEYS), version }));
  const conflict_id = `dispute-${n % 400 < 200 ? n : n - 200}`;
  const [kind, namespace, reason] = [choose.one(CONFLICT_KINDS), 'user:alice', 'They say the same.'];
  return n % 400 < 200
    ? decideStep(conflict, { type: 'ReportConflict', conflict_id, kind, namespace, members, reason })
    : decideStep(conflict, { type: 'ResolveConflict', conflict_id, strategy: 'merge', result: members[0]! });
}

function create(choose: Chooser, session_id: string, forked_from?: { session_id: string; version: number }): Step {
  return decideStep(session, {
    type: 'CreateSession',
    session_id,
    app_name: choose.one(['planner', 'coder']),
    user_id: choose.one(USERS),
    project_id: choose.chance(0.7) ? choose.one(['p1', 'p2']) : null,
    metadata: { n: choose.below(10) },
    state: delta(choose),
    ...(forked_from && { forked_from }),
  });
}

/** A memory fades, whichever version it is at. */
function fade(choose: Chooser): Step[] {
  const address = { namespace: choose.one(NAMESPACES), key: choose.one(KEYS) };
  const reason = choose.one(['ttl', 'age'] as const);
  return Array.from({ length: 60 }, (_, version) =>
    decideStep(memory, { type: 'ExpireMemory', ...address, version: version + 1, reason }),
  );
}

/** A job runs at another time, or is switched off. */
const configure = (n: number): Step =>
  decideStep(job, {
    type: 'ConfigureJob',
    name: `job-${(n / 50) % 7}`,
    schedule: `${n % 60} 3 * * *`,
    enabled: n % 200 < 100,
    original: { schedule: '0 0 * * *', enabled: true },
  });

/** A key is made; some are replaced or revoked later. */
function keyLife(n: number): Step[] {
  const bound = n % 80 === 13;
  const made = decideStep(apiKey, {
    type: 'CreateKey',
    key_id: `key${n}`,
    name: `Key ${n}`,
    role: bound ? 'agent' : 'auditor',
    app: bound ? 'planner' : null,
    users: bound ? ['alice'] : [],
    projects: bound ? { zoo: 'write', ark: 'read' } : {},
    mac: 'm'.repeat(43),
    expires_at: bound ? '2027-01-01T00:00:00.000Z' : null,
    replaces: null,
  });
  const key_id = `key${n}`;
  if (n % 120 === 13) return [made, decideStep(apiKey, { type: 'RevokeKey', key_id })];
  if (n % 120 === 53)
    return [made, decideStep(apiKey, { type: 'ShortenKey', key_id, expires_at: '2026-12-01T00:00:00.000Z' })];
  return [made];
}

/** What came from somewhere is not trusted; ten works later it is again, and of the first a little stays out for good. */
async function distrust(log: SqliteAuditLog, n: number, time: string): Promise<void> {
  const quarantine_id = `quarantine-${n}`;
  const source =
    n === 100
      ? { actor: 'agent:writer', to: new Date(START + 40 * 17_000).toISOString() }
      : n % 240 === 100
        ? { session_id: `s${n % 7}` }
        : { actor: 'agent:planner', correlation_id: `work-${n % 9}` };
  const impose = planStep(planQuarantine, { quarantine_id, source, reason: 'not trusted', found: [], seen: 0 });
  await log.execute({ caller: caller({ time }), steps: [impose] });
}

/** Ten works after that. */
const trustAgain = (log: SqliteAuditLog, n: number, time: string): Promise<unknown> =>
  log.execute({
    caller: caller({ time }),
    steps: [decideStep(quarantine, { type: 'LiftQuarantine', quarantine_id: `quarantine-${n - 10}` })],
  });

/** Somebody has read something of one namespace, and searched everywhere. */
const reading = (n: number, time: string): Step[] =>
  [null, 'user:alice'].map((namespace) =>
    decideStep(readAudit, {
      type: 'RecordReads',
      batch_id: `reads-${n}-${namespace}`,
      actor: 'agent:planner',
      namespace,
      session_id: null,
      reads: [
        namespace === null
          ? {
              time,
              request_id: `r${n}`,
              operation: 'search',
              outcome: 'answered',
              results: 3,
              query_sha256: 'f'.repeat(64),
            }
          : { time, request_id: `r${n}`, operation: 'get', outcome: 'not-found', results: 0, key: 'coffee' },
      ],
    }),
  );

/** Something is ordered to be erased, and said to be; what that does to rows and entries is another story. */
function erasing(n: number, requested_at: string): Step[] {
  const erasure_id = `erasure-${n}`;
  const ordered = {
    erasure_id,
    subject_kind: 'user' as const,
    subject_ref: n.toString(16).padStart(64, '0'),
    reason: `Request ${n}`,
    requested_by: 'operator',
    requested_at,
    entries: 3,
    // Of another log: these hashes are not those of its entries.
    ranges: [1, 2].map((range): [number, number, string, string] => [
      n + range,
      n + range,
      'f'.repeat(16),
      'f'.repeat(16),
    ]),
    counts: { audit: 3, memory_entries: 2 },
  };
  return [
    decideStep(erasure, { type: 'EraseSubject', ...ordered }),
    // One that was ordered and not carried out would be carried out by whoever opens or restores the file.
    ...(n % 720 === 530 ? [] : [decideStep(erasure, { type: 'CompleteErasure', erasure_id, result: { audit: 3 } })]),
  ];
}

/** A task comes, is claimed, ends, or something is kept of it; an agent comes or changes. */
function tasks(choose: Chooser): Step[] {
  const task_id = taskId(choose);
  const begin = chooseStep(task, startOf, { task_id, agent_id: choose.one(['a1', null]) });
  const start = choose.chance(0.6) ? [begin] : [];
  const requires = [taskStream(task_id)];
  const session_id = null;
  switch (choose.below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return [submit(choose, task_id)];
    case 4:
      return [chooseStep(task, nextTask, { agent_id: 'a2', agent_type: choose.chance(0.5) ? 'coder' : undefined })];
    case 5:
      return [...start, decideStep(task, { type: 'CompleteTask', task_id, result_data: { n: choose.below(9) } })];
    case 6:
    case 7:
      return [
        ...start,
        decideStep(task, { type: 'FailTask', task_id, error_message: 'no luck', retry: choose.chance(0.6) }),
      ];
    case 8:
      return [decideStep(task, { type: 'CancelTask', task_id, error_message: null })];
    case 9:
      return [decideStep(agent, registration(choose))];
    case 10: {
      const state = choose.one(AGENT_STATES);
      return [decideStep(agent, { type: 'ChangeAgentState', agent_id: agentId(choose), state, task_id: null })];
    }
    case 11: {
      const iteration = choose.below(3);
      const state = content(choose).value;
      return [decideStep(progress, { type: 'WriteCheckpoint', task_id, session_id, iteration, state }, { requires })];
    }
    default: {
      const key = choose.one(KEYS);
      return [
        decideStep(progress, { type: 'SetTaskState', task_id, session_id, key, value: value(choose) }, { requires }),
      ];
    }
  }
}

function submit(choose: Chooser, task_id: string): Step {
  const dependencies = [...new Set([taskId(choose), taskId(choose)])].filter(() => choose.chance(0.4));
  const session_id = choose.chance(0.25) ? sessionId(choose) : null;
  const parent_task_id = choose.chance(0.2) ? taskId(choose) : null;
  const command = {
    type: 'SubmitTask' as const,
    task_id,
    prompt: `do ${choose.below(100)}`,
    agent_type: choose.one(['coder', 'writer']),
    priority: choose.below(10) + 1,
    input_data: { n: choose.below(10) },
    max_retries: choose.below(3) + 1,
    max_execution_timeout_seconds: 60,
    parent_task_id,
    dependencies,
    session_id,
    procedure: choose.chance(0.3) ? { namespace: 'app:planner', key: 'tea', version: choose.below(3) + 1 } : null,
    outcome_namespace: null,
  };
  return decideStep(task, command, {
    requires: [
      ...[...dependencies, ...(parent_task_id === null ? [] : [parent_task_id])].map(taskStream),
      ...(session_id === null ? [] : [streamName('session', session_id)]),
    ],
  });
}

const registration = (choose: Chooser) => ({
  type: 'RegisterAgent' as const,
  agent_id: agentId(choose),
  name: choose.one(['Ada', 'Grace']),
  specialization: choose.chance(0.5) ? 'review' : null,
  model: null,
  state: choose.one(AGENT_STATES),
  task_id: null,
  session_id: null,
  resource_usage: { tokens: choose.below(1000) },
});

const taskId = (choose: Chooser): string => `t:${choose.below(30)}%`;
const agentId = (choose: Chooser): string => `a${choose.below(12)}`;

/** What somebody thinks of a search result. */
const judge = (n: number, searched_at: string): Step =>
  decideStep(feedback, {
    type: 'GiveFeedback',
    search: `search-${n % 7}`,
    source: 'memory',
    searched_at,
    mode: (['hybrid', 'semantic', 'keyword'] as const)[Math.floor(n / 60) % 3]!,
    result_id: n,
    rank: (n % 10) + 1,
    signal: FEEDBACK_SIGNALS[Math.floor(n / 180) % 3]!,
  });

/** A context that some agent was given. */
const giveContext = (n: number, moment: string): Step =>
  decideStep(context, {
    type: 'RecordContext',
    context_id: `context-${n}`,
    session_id: `s${n % 14}`,
    task_id: n % 120 === 29 ? null : `t${n % 3}`,
    query: n % 120 === 29 ? 'naïve 🎉 tea' : null,
    token_budget: 100 + n,
    as_of: n % 180 === 29 ? 5 : null,
    position: 5,
    moment,
    degraded: n % 120 === 29,
    format: 1,
    items: [
      { part: 'session' },
      { part: 'state', state_key: '__proto__' },
      { part: 'memories.user', memory_id: 1 + (n % 9), score: 1 / 3 },
      { part: 'episodes', memory_id: 1 + (n % 7) },
    ],
    omitted: n % 120 === 29 ? {} : { 'memories.app': 3 },
    token_count: n,
    prompt_sha256: n.toString(16).padStart(64, '0'),
  });

/** A new session that begins with what another one has been through. */
function fork(choose: Chooser, timestamp: string): Step[] {
  const fork_id = `fork-${choose.below(1000)}`;
  const copies = events(choose, timestamp);
  return [
    create(choose, fork_id, { session_id: sessionId(choose), version: copies.length }),
    decideStep(session, { type: 'AppendEvents', session_id: fork_id, events: copies, copied: true }),
  ];
}

const DOCUMENTS = [...Array(12).keys()].map((n) => `docs/naïve 🎉/${n}.md`);

function documentStep(choose: Chooser): Step {
  const file_path = choose.one(DOCUMENTS);
  if (choose.chance(0.2))
    return decideStep(document, { type: 'ReportUnreadable', file_path, title: 'b', reason: 'is binary' });
  if (choose.chance(0.2)) return decideStep(document, { type: 'RemoveDocument', file_path });
  const section = (n: number): string =>
    `# Part ${n}\n\n${choose.one(['tea ', 'naïve ', '語 ']).repeat(choose.below(300))}\n\n`;
  const content = Array.from({ length: choose.below(4) }, (_, n) => section(n)).join('');
  const given = choose.chance(0.5)
    ? {}
    : { document_type: choose.one(DOCUMENT_TYPES), metadata: { rank: choose.below(4) } };
  const origin = choose.one(['api', 'folder'] as const);
  return decideStep(document, {
    type: 'IndexDocument',
    file_path,
    origin,
    ...readDocument({ file_path, content, ...given }),
  });
}

const events = (choose: Chooser, timestamp: string): NewSessionEvent[] =>
  Array.from({ length: choose.below(3) + 1 }, () => ({
    ...(choose.chance(0.4) ? { event_id: `event-${choose.below(40)}` } : {}),
    timestamp,
    event_type: choose.one(EVENT_TYPES),
    actor: choose.one(['user', 'agent:planner']),
    content: { text: `words ${choose.below(100)}` },
    ...(choose.chance(0.6) ? { state_delta: delta(choose) } : {}),
    is_final_response: choose.chance(0.3),
  }));

function delta(choose: Chooser): StateDelta {
  const picked = STATE_KEYS.filter(() => choose.chance(0.3)).map((key) => [key, value(choose)] as const);
  return Object.fromEntries(picked);
}

const content = (choose: Chooser) => ({
  memory_type: choose.one(MEMORY_TYPES),
  value: { fact: value(choose), rank: choose.below(4) } as JsonObject,
  metadata: (choose.chance(0.5) ? {} : { source: choose.one(['chat', 'mail']) }) as JsonObject,
});

const value = (choose: Chooser): Json =>
  choose.one<Json>([null, true, 0, 1.5, '', 'tea', ['a', 1], { nested: { deep: 'value' } }]);

const sessionId = (choose: Chooser): string => `s${choose.below(14)}`;

interface Chooser {
  below(count: number): number;
  chance(probability: number): boolean;
  one<T>(from: readonly T[]): T;
}

/** Random choices that are the same for the same seed (mulberry32). */
export function chooser(seed: number): Chooser {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number): number => Math.floor(next() * count);
  return { below, chance: (probability) => next() < probability, one: (from) => from[below(from.length)]! };
}
