import { sessionState } from '#sessions';
import { defineRead, sql, type Reader } from '#storage';
import { memoriesOf, present, type Context, type ContextInput } from './context.answer.js';
import { namespacesOf, sessionCandidate, stateCandidates, taskCandidates, taskOf } from './context.candidates.js';
import { memoryCandidates } from './context.memories.js';
import { fitPrompt } from './context.prompt.js';
import { contextOwners, contextsPage, recordedContext, taintedContexts } from './context.recorded.js';

/** Everything an agent should know for its next turn, about one moment. */
export const contextNow = defineRead('contexts.of', (db, input: ContextInput): Context => {
  const { session_id, as_of, token_budget } = input;
  const position = as_of ?? headOf(db);
  const moment = input.moment ?? timeAt(db, position);
  const session = sessionState.run(db, { session_id, as_of });
  const task = taskOf(db, input.task_id, as_of);
  const namespaces = namespacesOf(session);
  const state = stateCandidates(session);
  const known = memoryCandidates(db, { ...input, moment, namespaces });
  const candidates = [sessionCandidate(session), ...taskCandidates(task), ...state.candidates, ...known.candidates];
  const fitted = fitPrompt(candidates, token_budget);
  const degraded = input.query !== undefined && input.meaning === undefined;
  return {
    ...present(session, task, fitted, memoriesOf(db, fitted.lines, { as_of, now: moment })),
    position,
    moment,
    degraded,
    namespaces,
    shadowed: [...state.shadowed, ...known.shadowed],
    omitted: fitted.omitted,
  };
});

export const contextReads = [contextOwners, contextNow, recordedContext, contextsPage, taintedContexts];

const headOf = (db: Reader): number =>
  db.one<{ position: number }>(sql`SELECT coalesce(max(position), 0) AS position FROM audit`)!.position;

const timeAt = (db: Reader, position: number): string =>
  db.one<{ time: string }>(sql`SELECT timestamp AS time FROM audit WHERE position = ${position}`)?.time ?? '';
