import { decodeCursor, notFound, toPage, type JsonObject, type Page, type Visibility } from '#kernel';
import { seesOfSession } from '#access';
import { and, defineRead, sql, type Reader, type Sql } from '#storage';
import { agentStream } from './agent.decider.js';
import type { AgentRegistered, AgentState, AgentStateChanged } from './agent.events.js';
import { seesTask } from './task.reads.js';

export interface Agent {
  agent_id: string;
  name: string;
  specialization: string | null;
  model: string | null;
  state: AgentState;
  task_id: string | null;
  session_id: string | null;
  resource_usage: JsonObject;
  spawned_at: string;
  terminated_at: string | null;
  last_updated_at: string;
  version: number;
}

interface AgentRow extends Omit<Agent, 'resource_usage'> {
  id: number;
  position: number;
  resource_usage: string;
}

const columns: Sql = {
  text: `id, agent_id, name, specialization, model, state, task_id, session_id, resource_usage, spawned_at,
    terminated_at, last_updated_at, version, position`,
  params: [],
};

/** An agent now, or as it was at a position. */
export const agentAt = defineRead(
  'agents.at',
  (db, { agent_id, as_of }: { agent_id: string; as_of?: number }): Agent => {
    const row = db.one<AgentRow>(sql`SELECT ${columns} FROM agents WHERE agent_id = ${agent_id}`);
    const found =
      row === undefined || as_of === undefined || row.position <= as_of ? row && toAgent(row) : past(db, row, as_of);
    if (found === undefined) throw notFound('agent', agent_id);
    return found;
  },
);

/** The session that an agent belongs to; `undefined`: there is no such agent. */
export const agentSession = defineRead(
  'agents.session',
  (db, agent_id: string): { session_id: string | null } | undefined =>
    db.one(sql`SELECT session_id FROM agents WHERE agent_id = ${agent_id}`),
);

export interface AgentsInput {
  state?: AgentState;
  task_id?: string;
  session_id?: string;
  limit: number;
  cursor?: string;
  /** Only those of sessions that somebody sees. */
  visible?: Visibility;
}

/** Agents by filter, newest first. */
export const agentsPage = defineRead(
  'agents.page',
  (db, { limit, cursor, visible, ...filter }: AgentsInput): Page<Agent> => {
    const list = ['agents', filter, ...(visible === undefined ? [] : [visible])];
    const conditions = Object.entries(filter)
      .filter(([, value]) => value !== undefined)
      .map(([column, value]) => sql`${{ text: column, params: [] }} = ${value}`);
    if (visible !== undefined) {
      conditions.push(seesOfSession(visible, sql`agents.session_id`));
      if (filter.task_id !== undefined) conditions.push(seesTask(visible, sql`${filter.task_id}`));
    }
    const [last] = decodeCursor<[number]>(list, cursor) ?? [];
    if (last !== undefined) conditions.push(sql`id < ${last}`);
    const rows = db.all<AgentRow>(
      sql`SELECT ${columns} FROM agents WHERE ${and(conditions)} ORDER BY id DESC LIMIT ${limit + 1}`,
    );
    return toPage(list, rows, limit, ({ id }) => [id], toAgent);
  },
);

export const agentReads = [agentAt, agentSession, agentsPage];

function toAgent({ id: _, position: __, resource_usage, ...agent }: AgentRow): Agent {
  return { ...agent, resource_usage: JSON.parse(resource_usage) as JsonObject };
}

/** The agent as its stream tells it. A session that was deleted since is gone from the past as well. */
function past(db: Reader, { agent_id, session_id }: AgentRow, asOf: number): Agent | undefined {
  const events = db.all<{ type: string; data: string; time: string; version: number }>(
    sql`SELECT type, data, timestamp AS time, stream_version AS version FROM audit
        WHERE stream = ${agentStream(agent_id)} AND position <= ${asOf} ORDER BY stream_version`,
  );
  let agent: Agent | undefined;
  for (const { data, time, version, type } of events) {
    if (type === 'AgentRegistered') {
      const registered = JSON.parse(data) as AgentRegistered['data'];
      const terminated_at = registered.state === 'terminated' ? time : null;
      agent = { ...registered, session_id, spawned_at: time, terminated_at, last_updated_at: time, version };
    } else {
      const { to: state, task_id, resource_usage } = JSON.parse(data) as AgentStateChanged['data'];
      const terminated_at = state === 'terminated' ? time : null;
      agent = { ...agent!, state, task_id, resource_usage, terminated_at, last_updated_at: time, version };
    }
  }
  return agent;
}
