import { describe, expect, it } from '@jest/globals';
import { specify } from '../../test/support/given.js';
import { agent, type AgentCommand } from './agent.decider.js';
import type { AgentEvent, AgentRegistered } from './agent.events.js';

const { given } = specify(agent);
const agent_id = 'a1';

const data: AgentRegistered['data'] = {
  agent_id,
  name: 'Ada',
  specialization: null,
  model: null,
  state: 'idle',
  task_id: null,
  session_id: 's1',
  resource_usage: { tokens: 1 },
};
const registered: AgentEvent = { type: 'AgentRegistered', data };
const changed = (change: object): AgentEvent => ({
  type: 'AgentStateChanged',
  data: { agent_id, from: 'idle', to: 'working', task_id: 't1', resource_usage: { tokens: 1 }, ...change },
});
const change = (fields: object): AgentCommand => ({ type: 'ChangeAgentState', agent_id, state: 'working', ...fields });

describe('An agent', () => {
  it('R-T3 is registered once', () => {
    given()
      .when({ type: 'RegisterAgent', ...data })
      .then({ ...registered, about: { agent_id, session_id: 's1' } });
    given(registered)
      .when({ type: 'RegisterAgent', ...data })
      .thenFails('conflict', 'agent-exists');
  });

  it('R-T3 says what it is about; what it leaves out stays', () => {
    given(registered)
      .when(change({ task_id: 't1' }))
      .then(changed({}));
    given(registered, changed({}))
      .when(change({ state: 'waiting' }))
      .then(changed({ from: 'working', to: 'waiting' }));
    given(registered, changed({}))
      .when(change({ state: 'idle', task_id: null, resource_usage: { tokens: 9 } }))
      .then(changed({ from: 'working', to: 'idle', task_id: null, resource_usage: { tokens: 9 } }));
  });

  it('does nothing at the same change again, in whatever order its usage is spelled', () => {
    const usage = { resource_usage: { a: 1, b: 2 } };
    expect(given(registered).when(change(usage)).again()).toEqual([]);
    given(registered, changed({ task_id: null, ...usage }))
      .when(change({ resource_usage: { b: 2, a: 1 } }))
      .thenNothing();
  });

  it('R-T3 that is terminated stays so', () => {
    const ended = changed({ to: 'terminated', task_id: null });
    given(registered, ended)
      .when(change({ state: 'terminated' }))
      .thenNothing();
    given(registered, ended)
      .when(change({ state: 'idle' }))
      .thenFails('conflict', 'illegal-transition');
    given(registered, ended)
      .when(change({ state: 'terminated', task_id: 't2' }))
      .thenFails('conflict', 'illegal-transition');
  });

  it('R-T3 that nobody registered cannot change', () => {
    given().when(change({})).thenFails('not-found', 'agent-not-found');
  });
});
