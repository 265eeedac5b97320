import { canonicalJson, streamName, type Decider, type Json, type JsonObject } from '#kernel';
import type { ProgressEvent } from './progress.events.js';

/** Whoever sends these knows that there is such a task. */
export type ProgressCommand =
  | { type: 'WriteCheckpoint'; task_id: string; session_id: string | null; iteration: number; state: JsonObject }
  | { type: 'SetTaskState'; task_id: string; session_id: string | null; key: string; value: Json };

/** What was written last, as canonical JSON; `null`: nothing yet. */
export interface ProgressState {
  text: string | null;
}

/** Each iteration and each key is a stream of its own: a task of many iterations stays as cheap as one of few. */
export const progress: Decider<ProgressCommand, ProgressEvent, ProgressState> = {
  name: 'progress',
  initial: { text: null },
  stream: (command) =>
    command.type === 'WriteCheckpoint'
      ? streamName('checkpoint', command.task_id, String(command.iteration))
      : streamName('task-state', command.task_id, command.key),

  decide(command, { text }, { version: before }) {
    const { task_id, session_id } = command;
    const about = { task_id, session_id };
    const version = before + 1;
    switch (command.type) {
      case 'WriteCheckpoint': {
        const { iteration, state } = command;
        if (canonicalJson(state) === text) return [];
        return [{ type: 'CheckpointWritten', data: { task_id, iteration, state, version }, about }];
      }
      case 'SetTaskState': {
        const { key, value } = command;
        if (canonicalJson(value) === text) return [];
        return [{ type: 'TaskStateSet', data: { task_id, key, value, version }, about }];
      }
    }
  },

  evolve(_, event) {
    return { text: canonicalJson(event.type === 'CheckpointWritten' ? event.data.state : event.data.value) };
  },
};
