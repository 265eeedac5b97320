import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { DomainError } from '#kernel';
import { rebuild, type RebuildReport } from '#projections';
import { rebuildVectorIndex, VECTOR_INDEX } from '#search';
import { migrate, readMigrations, type Database, type Synchronous } from '#storage';
import { catalog, projectors } from './features.js';
import { PROJECT_ROOT } from './project.js';

export interface RebuildOrder {
  path: string;
  synchronous: Synchronous;
  names: string[];
  compareOnly: boolean;
}

/** What the thread says to its house, which answers `alone` with `go` and waits for `over`. */
export type RebuildNews =
  | 'here'
  | { done: number; total: number }
  | 'alone'
  | 'over'
  | { report: RebuildReport }
  | { error: { name: string; message: string; stack?: string } | ReturnType<DomainError['toJSON']> };

const { names, ...order } = workerData as RebuildOrder;
const port = parentPort!;
const tell = (news: RebuildNews): void => port.postMessage(news);

try {
  const options = {
    ...order,
    prepare: (scratch: Database) => {
      tell('here');
      migrate(scratch, readMigrations(join(PROJECT_ROOT, 'migrations')));
    },
    onProgress: (done: number, total: number) => tell({ done, total }),
    alone: async <T>(work: () => T): Promise<T> => {
      tell('alone');
      await new Promise((resolve) => port.once('message', resolve));
      try {
        return work();
      } finally {
        tell('over');
      }
    },
  };
  const report = names.includes(VECTOR_INDEX)
    ? await rebuildVectorIndex(options)
    : await rebuild({ ...options, catalog, projectors: projectors.filter(({ name }) => names.includes(name)) });
  tell({ report });
} catch (error) {
  const { name, message, stack } = error as Error;
  tell({ error: error instanceof DomainError ? error.toJSON() : { name, message, stack } });
}
port.close();
