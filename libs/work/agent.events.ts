import type { DomainEvent, EventCatalog, JsonObject } from '#kernel';

export const AGENT_STATES = ['idle', 'working', 'waiting', 'terminated'] as const;
export type AgentState = (typeof AGENT_STATES)[number];

export type AgentRegistered = DomainEvent<
  'AgentRegistered',
  {
    agent_id: string;
    name: string;
    specialization: string | null;
    model: string | null;
    state: AgentState;
    task_id: string | null;
    session_id: string | null;
    resource_usage: JsonObject;
  }
>;

/** What it is about now: its state, its task, and what it has used so far. */
export type AgentStateChanged = DomainEvent<
  'AgentStateChanged',
  { agent_id: string; from: AgentState; to: AgentState; task_id: string | null; resource_usage: JsonObject }
>;

export type AgentEvent = AgentRegistered | AgentStateChanged;

export const agentCatalog: Record<AgentEvent['type'], EventCatalog[string]> = {
  AgentRegistered: { version: 1 },
  AgentStateChanged: { version: 1 },
};
