import { chooseStep, decideStep, type Step } from '#audit-log';
import { DomainError, streamName, type JsonObject } from '#kernel';
import { memory } from '#memories';
import { ownersOf, sessionEventsPage, sessionState, type SessionEventView, type SessionWithState } from '#sessions';
import { systemCaller } from './caller.js';
import {
  endedSessions,
  factOf,
  factValue,
  nameOf,
  namespaceOfUser,
  userFacts,
  type EndedSession,
} from './ended-sessions.js';
import type { House } from './open-house.js';
import { summarise, type SessionEpisode } from './session-episode.js';
import { wordByModel } from './session-model.js';
import { reactionPosition } from './task-outcome.js';

const REACTION = 'extraction';

/** Events of a session that are read: its beginning and its end. */
const FIRST_EVENTS = 200;
const LAST_EVENTS = 800;

type Parts = Pick<House, 'auditLog' | 'reads' | 'operations' | 'log' | 'chat'> & {
  config: Pick<House['config'], 'ABATHUR_EXTRACTION'>;
};

/**
 * Makes memories of the sessions that ended since the last turn: an episode of what happened, and facts from what was set
 * of its user. Each session is an operation, whose id is the correlation id of what it writes, so that all of it can be taken
 * back at once. The episode's stream must be new: so a turn that is repeated after a crash, or by another worker, writes
 * nothing twice, and nothing that was deleted. Returns how many entries of the log it looked through.
 */
export async function extractSessions(house: Parts): Promise<number> {
  const { auditLog, reads, config, operations } = house;
  const after = reads.point(reactionPosition, REACTION);
  const { ended, position } = reads.point(endedSessions, after);
  if (position === after) return 0;
  if (config.ABATHUR_EXTRACTION !== 'off') {
    for (const session of ended)
      if (isOpen(house, session))
        await operations.run('sessions.extract', (_, id) => extractSession(house, session, id));
  }
  await auditLog.chore('move-reaction', { name: REACTION, position });
  return position - after;
}

export interface Extraction {
  session_id: string;
  method: 'rules' | 'llm';
  /** Addresses of what was written. */
  memories: { namespace: string; key: string }[];
}

/** Whether there is something to do at all, so that no operation is begun for nothing. */
function isOpen({ reads }: Parts, { session_id }: EndedSession): boolean {
  const session = sessionIfAny(reads, session_id);
  const at = session && namespaceOfUser(session.user_id, 'sessions');
  return at !== undefined && at !== null;
}

async function extractSession(house: Parts, { session_id, position }: EndedSession, id: string): Promise<Extraction> {
  const { auditLog, reads } = house;
  const result: Extraction = { session_id, method: 'rules', memories: [] };
  const session = sessionIfAny(reads, session_id);
  const at = session && namespaceOfUser(session.user_id, 'sessions');
  if (session === undefined || at === undefined || at === null) return result;
  const events = await eventsOf(house, session);
  const summary = summarise(session, events);
  if (summary === null) return result;
  const { episode, method } = await worded(house, summary.episode, events);
  const stream = streamName('session', session_id);
  const source: JsonObject = { session_id, from: events[0]!.position, to: position, positions: summary.positions };
  const origin = { source: 'session', extraction: id, method, app_name: session.app_name };
  const requires = [stream];
  const address = { namespace: at, key: session_id };
  const steps: Step[] = [
    decideStep(
      memory,
      {
        type: 'WriteMemory',
        mode: 'add',
        ...address,
        value: { ...episode },
        memory_type: 'episodic',
        metadata: { ...origin, extracted_from: source },
        session_id,
      },
      { expected: 0, requires },
    ),
  ];
  result.method = method;
  result.memories.push(address);
  const below = namespaceOfUser(session.user_id, 'facts', session.app_name);
  const owner = ownersOf(session).user!;
  for (const fact of below === null ? [] : await reads.scan(userFacts, { stream, owner, ended: position })) {
    const key = nameOf(fact.key);
    if (key === '' || key.length > 256) continue;
    const extracted_from = { session_id, positions: [fact.position] };
    const metadata = { ...origin, method: 'rules', state_key: fact.key, extracted_from };
    const write = {
      namespace: below!,
      key,
      value: factValue(fact),
      memory_type: 'semantic' as const,
      metadata,
      session_id,
    };
    steps.push(chooseStep(memory, factOf, { ended: position, ...write }));
    result.memories.push({ namespace: below!, key });
  }
  try {
    const caller = { ...systemCaller(id), causation_id: `pos-${position}` };
    await auditLog.execute({ caller, steps });
    return result;
  } catch (error) {
    if (!(error instanceof DomainError) || !['version-conflict', 'unknown-session'].includes(error.code)) throw error;
    // Another worker was quicker, or the session has been deleted.
    return { ...result, memories: [] };
  }
}

async function worded(
  { config, chat, log }: Parts,
  episode: SessionEpisode,
  events: SessionEventView[],
): Promise<{ episode: SessionEpisode; method: Extraction['method'] }> {
  if (config.ABATHUR_EXTRACTION !== 'llm') return { episode, method: 'rules' };
  try {
    return { episode: await wordByModel(chat, episode, events), method: 'llm' };
  } catch (error) {
    log.warn('extraction-without-model', { reason: (error as Error).message });
    return { episode, method: 'rules' };
  }
}

async function eventsOf({ reads }: Parts, { session_id, event_count }: SessionWithState): Promise<SessionEventView[]> {
  const page = (order: 'asc' | 'desc', limit: number) => reads.scan(sessionEventsPage, { session_id, order, limit });
  if (event_count <= FIRST_EVENTS + LAST_EVENTS) return (await page('asc', FIRST_EVENTS + LAST_EVENTS)).items;
  const [first, last] = await Promise.all([page('asc', FIRST_EVENTS), page('desc', LAST_EVENTS)]);
  return [...first.items, ...last.items.toReversed()];
}

function sessionIfAny(reads: Parts['reads'], session_id: string): SessionWithState | undefined {
  try {
    return reads.point(sessionState, { session_id });
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'not-found') return undefined;
    throw error;
  }
}
