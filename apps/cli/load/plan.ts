import { namespaceOf, type Conversation, type ConversationSession, type Turn } from './conversations.js';

export const APP_NAME = 'locomo';

/** Events in one request, and memories in one. */
const EVENTS_PER_BATCH = 100;
const MEMORIES_PER_IMPORT = 200;

export interface PlannedEvent {
  event_id: string;
  timestamp: string;
  event_type: 'message';
  actor: string;
  content: { speaker: string; text: string; image_caption?: string };
}

export interface PlannedSession {
  create: { session_id: string; app_name: string; user_id: string; project_id: string; metadata: object };
  batches: PlannedEvent[][];
  events: PlannedEvent[];
}

export interface PlannedMemory {
  namespace: string;
  key: string;
  value: { text: string; image_caption?: string };
  metadata: { session: string; date: string };
  created_by: string;
}

/** What a file of conversations becomes: the same file always becomes the same. */
export interface Plan {
  sessions: PlannedSession[];
  memories: PlannedMemory[];
  imports: PlannedMemory[][];
  namespaces: string[];
}

export function planOf(conversations: Conversation[]): Plan {
  const sessions = conversations.flatMap((conversation) =>
    conversation.sessions.map((session) => planSession(conversation, session)),
  );
  const memories = conversations.flatMap((conversation) =>
    conversation.sessions.flatMap((session) => session.turns.map((turn) => planMemory(conversation, session, turn))),
  );
  return {
    sessions,
    memories,
    imports: inPieces(memories, MEMORIES_PER_IMPORT),
    namespaces: conversations.map(({ sample_id }) => namespaceOf(sample_id)),
  };
}

function planSession(
  conversation: Conversation,
  { session, date_time, begins, turns }: ConversationSession,
): PlannedSession {
  const { sample_id, speakers } = conversation;
  const events = turns.map((turn, index) => planEvent(conversation, turn, Date.parse(begins) + index * 1000));
  return {
    create: {
      session_id: `${APP_NAME}-${sample_id}-${session}`,
      app_name: APP_NAME,
      user_id: sample_id,
      project_id: sample_id,
      metadata: { date_time, session, speakers },
    },
    batches: inPieces(events, EVENTS_PER_BATCH),
    events,
  };
}

/** The file tells when a session began, and the order of its turns: one second each. */
function planEvent(conversation: Conversation, turn: Turn, time: number): PlannedEvent {
  const { id, ...content } = turn;
  return {
    event_id: id,
    timestamp: new Date(time).toISOString(),
    event_type: 'message',
    actor: actorOf(conversation, turn),
    content,
  };
}

function planMemory(conversation: Conversation, { session, begins }: ConversationSession, turn: Turn): PlannedMemory {
  const { id, speaker, text, image_caption } = turn;
  return {
    namespace: namespaceOf(conversation.sample_id),
    key: id,
    value: { text: `${speaker}: ${text}`, ...(image_caption === undefined ? {} : { image_caption }) },
    metadata: { session, date: begins },
    created_by: actorOf(conversation, turn),
  };
}

/** Who is named first is the user; everybody else is an agent. */
const actorOf = ({ speakers }: Conversation, { speaker }: Turn): string =>
  speaker === speakers[0] ? 'user' : `agent:${speaker}`;

const inPieces = <T>(items: T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
