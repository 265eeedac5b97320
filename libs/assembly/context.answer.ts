import type { JsonObject } from '#kernel';
import { memoriesById, type Memory, type Moment } from '#memories';
import type { Halves, QueryMeaning } from '#search';
import type { SessionWithState } from '#sessions';
import type { Reader } from '#storage';
import type { Checkpoint, Task, TaskStateEntry } from '#work';
import type { ContextItem, ContextPart, Omitted } from './context.events.js';
import type { Prompt } from './context.prompt.js';

export interface ContextInput {
  session_id: string;
  task_id?: string;
  query?: string;
  /** What the query means, when there is something that knows it. */
  meaning?: QueryMeaning;
  /** What the query has found already, see the search of a context. */
  halves?: Halves;
  token_budget: number;
  as_of?: number;
  /** By which memories have expired or not, ISO-8601 UTC; left out, the time of the entry at `as_of`. */
  moment?: string;
}

/** A memory in a context, and how well it answered the query. */
export interface ContextMemory extends Memory {
  score: number | null;
}

/** A task in a context: how far it has come, and what it keeps. */
export interface ContextTask extends Task {
  last_checkpoint: Checkpoint | null;
  state: TaskStateEntry[];
}

/** A memory or a state key that one of a scope that goes before it hides. */
export interface Shadowed {
  part: ContextPart;
  key: string;
  namespace: string | null;
  id: number | null;
  /** What hides it: a memory's id, or a state key. */
  by: { id: number | null; key: string };
}

/** What one line of the prompt was made of. */
export interface Provenance extends Origin {
  line: number;
  part: ContextPart;
}
interface Origin {
  id: number | null;
  namespace: string | null;
  key: string | null;
  version: number | null;
  score: number | null;
}

export interface Context {
  /** Log position that was read. */
  position: number;
  moment: string;
  degraded: boolean;
  session: SessionWithState;
  task: ContextTask | null;
  memories: { user: ContextMemory[]; project: ContextMemory[]; app: ContextMemory[]; session: ContextMemory[] };
  episodes: ContextMemory[];
  procedures: ContextMemory[];
  prompt: string;
  token_count: number;
  /** One for each record of the prompt, in its order. */
  provenance: Provenance[];
  shadowed: Shadowed[];
  omitted: Omitted;
  /** Namespaces that were looked into; `null` where there is none. */
  namespaces: Record<MemoryScope, string | null>;
  lines: { part: ContextPart; item: ContextItem; record: JsonObject }[];
}

/** Scopes of memories, in the order in which the same key is looked for. */
export const MEMORY_SCOPES = ['session', 'user', 'app', 'project'] as const;
export type MemoryScope = (typeof MEMORY_SCOPES)[number];

/** The memories that became lines, whole: of all that were considered those are a few. */
export const memoriesOf = (db: Reader, lines: Prompt['lines'], moment: Moment): Map<number, Memory> =>
  memoriesById(
    db,
    lines.flatMap(({ item }) => item.memory_id ?? []),
    moment,
  );

/** The parts of a prompt, by their names in the answer. */
export function present(
  session: SessionWithState,
  task: ContextTask | null,
  fitted: Omit<Prompt, 'omitted'>,
  memories: Map<number, Memory>,
) {
  const { prompt, token_count, lines } = fitted;
  const of = (part: ContextPart): ContextMemory[] =>
    lines.flatMap(({ item }) =>
      item.part === part ? [{ ...memories.get(item.memory_id!)!, score: item.score ?? null }] : [],
    );
  return {
    session,
    task,
    memories: {
      user: of('memories.user'),
      project: of('memories.project'),
      app: of('memories.app'),
      session: of('memories.session'),
    },
    episodes: of('episodes'),
    procedures: of('procedures'),
    prompt,
    token_count,
    provenance: lines.map(({ line, item, record }) => provenance(line, item, record)),
    lines: lines.map(({ item, record }) => ({ part: item.part, item, record })),
  };
}

function provenance(line: number, { part, score, state_key }: ContextItem, record: JsonObject): Provenance {
  const { id, namespace: name, key, version } = record as { [field in keyof Origin]?: Origin[field] };
  return {
    line,
    part,
    id: id ?? null,
    namespace: name ?? null,
    key: key ?? state_key ?? null,
    version: version ?? null,
    score: score ?? null,
  };
}
