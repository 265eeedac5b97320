import type { Feature } from '#projections';
import { agent } from './agent.decider.js';
import { agentCatalog } from './agent.events.js';
import { agentReads } from './agent.reads.js';
import { progress } from './progress.decider.js';
import { progressCatalog } from './progress.events.js';
import { progressReads } from './progress.reads.js';
import { task } from './task.decider.js';
import { taskCatalog } from './task.events.js';
import { taskReads, taskSnapshot } from './task.reads.js';
import { workProjector } from './work.projector.js';
import { workUndoes } from './work.undo.js';

/** What writer and reader threads need to know; the Nest side is `#work/module`. */
export const work: Feature = {
  catalog: { ...taskCatalog, ...agentCatalog, ...progressCatalog },
  deciders: [task, agent, progress],
  projectors: [workProjector],
  reads: [...taskReads, ...agentReads, ...progressReads],
  undoes: workUndoes,
  snapshots: { task: taskSnapshot },
};

export { agent } from './agent.decider.js';
export { AGENT_STATES, type AgentState } from './agent.events.js';
export { agentSession, type Agent } from './agent.reads.js';
export { progress } from './progress.decider.js';
export {
  checkpointAt,
  checkpointsPage,
  taskStateAt,
  taskStatePage,
  type Checkpoint,
  type TaskStateEntry,
} from './progress.reads.js';
export { task, taskStream } from './task.decider.js';
export { TASK_STATUSES, type ProcedureRef, type TaskStatus } from './task.events.js';
export {
  endedTasks,
  nextTask,
  procedureOutcomes,
  seesTask,
  staleTasks,
  startOf,
  taskAt,
  taskSession,
  tasksPage,
  type EndedTask,
  type ProcedureOutcomes,
  type Task,
} from './task.reads.js';
export { MAX_DEPENDENCIES } from './work.projector.js';
