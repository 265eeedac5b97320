import { createHash } from 'node:crypto';
import { DomainError, namespace, streamName, type JsonObject } from '#kernel';
import { memory } from '#memories';
import { defineRead, sql, type Database, type Reader } from '#storage';
import { taskAt, type EndedTask, type Task } from '#work';

type WriteMemory = Extract<Parameters<typeof memory.decide>[0], { type: 'WriteMemory' }>;

/**
 * The memory of how a task ended: what was tried, what came of it, and by which procedure. `null` once anything was ever
 * written at its address: then it is known already, or somebody has deleted it, and nothing in the background brings
 * back what was deleted.
 */
export const outcomeOf = defineRead('outcomes.of', (db, outcome: EndedTask): WriteMemory | null => {
  const task = taskAt.run(db, outcome);
  const address = { namespace: outcomeNamespace(db, task, outcome), key: task.task_id };
  const stream = streamName('memory', address.namespace, address.key);
  if (db.one(sql`SELECT 1 FROM audit WHERE stream = ${stream} LIMIT 1`) !== undefined) return null;
  return { type: 'WriteMemory', mode: 'add', ...address, ...episode(task, outcome) };
});

/** Where a reaction to the log has come to. */
export const reactionPosition = defineRead(
  'reactions.position',
  (db, name: string): number =>
    db.one<{ position: number }>(sql`SELECT position FROM reactions WHERE name = ${name}`)?.position ?? 0,
);

export const outcomeReads = [outcomeOf, reactionPosition];

/** A reaction has come to a position; whoever was further stays there. */
export function moveReaction(db: Database, { name, position }: { name: string; position: number }): void {
  db.run(
    sql`INSERT INTO reactions (name, position) VALUES (${name}, ${position})
        ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)`,
  );
}

/** As much of a prompt, and of a result, as an episode needs; all of it is with the task. */
const MAX_PROMPT = 2_000;
const MAX_RESULT = 8_000;

function episode(task: Task, { submitted, ended }: EndedTask) {
  const { task_id, session_id, status, agent_type, agent_id, procedure, retry_count } = task;
  const { result_data, error_message } = task;
  // What can be found by words and by meaning; names and ids are beside it.
  const value: JsonObject = {
    title: `Task ${status}`,
    text: task.prompt.slice(0, MAX_PROMPT).toWellFormed(),
    outcome: status,
    attempts: retry_count + 1,
    result: JSON.stringify(result_data).length <= MAX_RESULT ? result_data : null,
    error: error_message,
  };
  const metadata: JsonObject = {
    source: 'task',
    task_id,
    outcome: status,
    agent_type,
    agent_id,
    ...(session_id === null ? {} : { session_id }),
    ...(procedure === null ? {} : { procedure: { ...procedure } }),
    // Positions in the log of what it is drawn from.
    events: [submitted, ended],
  };
  return { memory_type: 'episodic' as const, value, metadata, task_id, session_id };
}

/** Where the task says, else with its session, else with the application's own. */
function outcomeNamespace(db: Reader, { outcome_namespace }: Task, { submitted }: EndedTask): string {
  if (outcome_namespace !== null) return outcome_namespace;
  // As it was submitted: what belonged to a session that is gone by now is nobody else's business.
  const { session_id } = db.one<{ session_id: string | null }>(
    sql`SELECT json_extract(data, '$.session_id') AS session_id FROM audit WHERE position = ${submitted}`,
  )!;
  if (session_id === null) return 'app:abathur:outcomes';
  const own = `${streamName('session', session_id)}:outcomes`;
  // Not every id of a session can be spelled as a segment.
  return isNamespace(own) ? own : `session:${createHash('sha256').update(session_id).digest('hex')}:outcomes`;
}

function isNamespace(text: string): boolean {
  try {
    return namespace(text) === text;
  } catch (error) {
    if (error instanceof DomainError) return false;
    throw error;
  }
}
