import { Module } from '@nestjs/common';
import { agentCommandHandlers } from './agent.commands.js';
import { agentQueryHandlers } from './agent.queries.js';
import { progressCommandHandlers } from './progress.commands.js';
import { progressQueryHandlers } from './progress.queries.js';
import { taskCommandHandlers } from './task.commands.js';
import { taskQueryHandlers } from './task.queries.js';

@Module({
  providers: [
    ...taskCommandHandlers,
    ...taskQueryHandlers,
    ...agentCommandHandlers,
    ...agentQueryHandlers,
    ...progressCommandHandlers,
    ...progressQueryHandlers,
  ],
})
export class WorkModule {}

export { ChangeAgentState, RegisterAgent } from './agent.commands.js';
export { GetAgent, ListAgents } from './agent.queries.js';
export { SetTaskState, WriteCheckpoint } from './progress.commands.js';
export { GetCheckpoint, GetTaskState, ListCheckpoints, ListTaskState } from './progress.queries.js';
export { ChangeTaskStatus, ClaimTask, SubmitTask, type TaskChange } from './task.commands.js';
export { GetTask, ListTasks } from './task.queries.js';
