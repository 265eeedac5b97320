import { DomainError, type SerializedDomainError } from '#kernel';
import { compareWithLog, type Comparison } from './compare.js';
import { inspect, type Contents } from './inspect.js';
import type { Knowledge } from './knowledge.js';
import type { Backup } from './shelf.js';
import { stage, type Staged, type StageOptions } from './stage.js';
import type { Report, Step } from './steps.js';
import { takeBackup, type TakeOptions } from './take.js';

/** Long work on files, each kind with what it takes and what comes of it. */
export interface Tasks {
  take: { input: TakeOptions; result: Backup & { removed: string[] } };
  stage: { input: StageOptions; result: Staged };
  inspect: { input: { path: string }; result: Contents };
  compare: { input: { path: string }; result: Comparison };
}

export type TaskKind = keyof Tasks;
export interface Task<K extends TaskKind = TaskKind> {
  kind: K;
  input: Tasks[K]['input'];
}

export type FromTask =
  | { step: Step }
  | { result: unknown }
  | { error: SerializedDomainError | { message: string; stack?: string; code?: string; path?: string } };

/** Runs a task in this process; whatever goes wrong is told in a form that crosses to another. */
export async function runTask(task: Task, knowledge: Knowledge, tell: (news: FromTask) => void): Promise<void> {
  const report: Report = (step) => tell({ step });
  try {
    tell({ result: await perform(task, knowledge, report) });
  } catch (error) {
    const { message, stack, code, path } = error as NodeJS.ErrnoException;
    tell({ error: error instanceof DomainError ? error.toJSON() : { message, stack, code, path } });
  }
}

function perform({ kind, input }: Task, knowledge: Knowledge, report: Report): unknown {
  switch (kind) {
    case 'take':
      return takeBackup(input as TakeOptions, report);
    case 'stage':
      return stage(input as StageOptions, knowledge, report);
    case 'inspect':
      return inspect((input as { path: string }).path, (done, total) => report({ step: 'verify', done, total }));
    case 'compare':
      return compareWithLog((input as { path: string }).path, knowledge, report);
  }
}
