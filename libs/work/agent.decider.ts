import { canonicalJson, conflict, notFound, streamName, type Decider, type JsonObject } from '#kernel';
import type { AgentEvent, AgentRegistered, AgentState } from './agent.events.js';

export type AgentCommand =
  | ({ type: 'RegisterAgent' } & AgentRegistered['data'])
  /** What is left out stays as it is. */
  | {
      type: 'ChangeAgentState';
      agent_id: string;
      state: AgentState;
      task_id?: string | null;
      resource_usage?: JsonObject;
    };

export type AgentHeld =
  | { held: false }
  | {
      held: true;
      state: AgentState;
      task_id: string | null;
      session_id: string | null;
      resource_usage: JsonObject;
    };

export const agentStream = (agentId: string): string => streamName('agent', agentId);

/** The agent whose stream this is. */
export const agentOf = (stream: string): string => decodeURIComponent(stream.slice(stream.indexOf(':') + 1));

export const agent: Decider<AgentCommand, AgentEvent, AgentHeld> = {
  name: 'agent',
  initial: { held: false },
  stream: ({ agent_id }) => agentStream(agent_id),

  decide(command, state) {
    const { agent_id } = command;
    switch (command.type) {
      case 'RegisterAgent': {
        if (state.held) throw conflict('agent-exists', `Agent ${agent_id} exists already.`);
        const { type: _, ...data } = command;
        const { task_id, session_id } = data;
        return [{ type: 'AgentRegistered', data, about: { agent_id, task_id, session_id } }];
      }
      case 'ChangeAgentState': {
        if (!state.held) throw notFound('agent', agent_id);
        const { state: to, task_id = state.task_id, resource_usage = state.resource_usage } = command;
        const same = state.state === to && state.task_id === task_id && sameUsage(state.resource_usage, resource_usage);
        if (same) return [];
        if (state.state === 'terminated') {
          throw conflict(
            'illegal-transition',
            `Agent ${agent_id} is terminated and cannot become ${to}.`,
            'Register another one.',
          );
        }
        const data = { agent_id, from: state.state, to, task_id, resource_usage };
        return [{ type: 'AgentStateChanged', data, about: { agent_id, task_id, session_id: state.session_id } }];
      }
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'AgentRegistered': {
        const { state: now, task_id, session_id, resource_usage } = event.data;
        return { held: true, state: now, task_id, session_id, resource_usage };
      }
      case 'AgentStateChanged': {
        const { to, task_id, resource_usage } = event.data;
        return state.held ? { ...state, state: to, task_id, resource_usage } : state;
      }
    }
  },
};

const sameUsage = (one: JsonObject, other: JsonObject): boolean => canonicalJson(one) === canonicalJson(other);
