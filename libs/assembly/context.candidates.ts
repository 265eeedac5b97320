import { namespace } from '#kernel';
import { candidates as namesOf, scopeOf, type SessionWithState } from '#sessions';
import type { Reader } from '#storage';
import { checkpointsPage, taskAt, taskStatePage } from '#work';
import { MEMORY_SCOPES, type Context, type ContextTask, type MemoryScope, type Shadowed } from './context.answer.js';
import type { Candidate } from './context.prompt.js';

/** Keys of a task's state that are considered. */
const TASK_STATE = 100;

/** Where memories for this session may be. A name that can be no segment of a namespace has none. */
export function namespacesOf({ session_id, user_id, app_name, project_id }: SessionWithState): Context['namespaces'] {
  const below = (scope: MemoryScope, name: string | null): string | null => {
    if (name === null || name.includes(':')) return null;
    try {
      return namespace(`${scope}:${name}`);
    } catch {
      return null;
    }
  };
  return {
    session: below('session', session_id),
    user: below('user', user_id),
    app: below('app', app_name),
    project: below('project', project_id),
  };
}

export const sessionCandidate = ({
  session_id,
  app_name,
  user_id,
  project_id,
  status,
}: SessionWithState): Candidate => ({
  item: { part: 'session' },
  record: { session_id, app_name, user_id, project_id, status },
});

export const stateCandidate = ({ state }: SessionWithState, state_key: string): Candidate => ({
  item: { part: 'state', state_key },
  record: { key: state_key, value: state[state_key] ?? null },
});

export function taskOf(db: Reader, task_id: string | undefined, as_of: number | undefined): ContextTask | null {
  if (task_id === undefined) return null;
  const [last_checkpoint = null] = checkpointsPage.run(db, { task_id, as_of, limit: 1 }).items;
  return {
    ...taskAt.run(db, { task_id, as_of }),
    last_checkpoint,
    state: taskStatePage.run(db, { task_id, as_of, limit: TASK_STATE }).items,
  };
}

/** What is to be done, how far it has come, and what is kept for it. */
export function taskCandidates(task: ContextTask | null): Candidate[] {
  if (task === null) return [];
  const { task_id, prompt, agent_type, priority, status, retry_count, input_data, procedure, last_checkpoint } = task;
  const about = { task_id, prompt, agent_type, priority, status, retry_count, input_data };
  const goesBy = procedure && { namespace: procedure.namespace, key: procedure.key, version: procedure.version };
  return [
    { item: { part: 'task' }, record: { ...about, ...(goesBy && { procedure: goesBy }) } },
    ...(last_checkpoint === null
      ? []
      : [
          {
            item: { part: 'checkpoint' as const },
            record: {
              iteration: last_checkpoint.iteration,
              time: last_checkpoint.created_at,
              state: last_checkpoint.state,
            },
          },
        ]),
    ...task.state.map(({ key, value }) => ({
      item: { part: 'task_state' as const, state_key: key },
      record: { key, value },
    })),
  ];
}

/** State by scope, and of the same bare name only what goes first. */
export function stateCandidates(session: SessionWithState): { candidates: Candidate[]; shadowed: Shadowed[] } {
  const shadowed: Shadowed[] = [];
  const keys = Object.keys(session.state).filter((key) => {
    const winner = namesOf(bareName(key)).find((name) => Object.hasOwn(session.state, name))!;
    if (winner === key) return true;
    shadowed.push({ part: 'state', key, namespace: null, id: null, by: { id: null, key: winner } });
    return false;
  });
  const rank = (key: string): number => MEMORY_SCOPES.indexOf(scopeOf(key) as MemoryScope);
  const ordered = keys.toSorted((a, b) => rank(a) - rank(b));
  return { candidates: ordered.map((key) => stateCandidate(session, key)), shadowed };
}

const bareName = (key: string): string =>
  namesOf('').some((prefix) => prefix !== '' && key.startsWith(prefix)) ? key.slice(key.indexOf(':') + 1) : key;
