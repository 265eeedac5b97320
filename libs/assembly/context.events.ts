import type { DomainEvent, EventCatalog } from '#kernel';

/** What a context is made of, in the order of its prompt. */
export const CONTEXT_PARTS = [
  'session',
  'task',
  'task_state',
  'checkpoint',
  'state',
  'memories.session',
  'memories.user',
  'memories.app',
  'memories.project',
  'procedures',
  'episodes',
] as const;
export type ContextPart = (typeof CONTEXT_PARTS)[number];

/** One line of a context, by what it was made of. */
export interface ContextItem {
  part: ContextPart;
  /** Of a memory: the version that was given. */
  memory_id?: number;
  /** How well it answered the query, 0..1. */
  score?: number;
  /** Of state: the key, with its prefix. */
  state_key?: string;
}

/** How many lines of each part were left out for lack of room. */
export type Omitted = Partial<Record<ContextPart, number>>;

export type ContextSynthesized = DomainEvent<
  'ContextSynthesized',
  {
    context_id: string;
    session_id: string;
    task_id: string | null;
    query: string | null;
    token_budget: number;
    /** The past that was asked for; `null`: what was so at the time. */
    as_of: number | null;
    /** Log position that was read. */
    position: number;
    /** By which memories had expired or not, ISO-8601 UTC. */
    moment: string;
    /** Only words could tell what the query means. */
    degraded: boolean;
    /** How lines and prompt are spelled: {@link PROMPT_FORMAT} at that time. */
    format: number;
    /** Each line, in order. With the log up to `position` they give the prompt again, byte for byte. */
    items: ContextItem[];
    omitted: Omitted;
    token_count: number;
    prompt_sha256: string;
  }
>;

export const contextCatalog: Record<ContextSynthesized['type'], EventCatalog[string]> = {
  ContextSynthesized: { version: 1 },
};
