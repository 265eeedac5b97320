import { parentPort, workerData } from 'node:worker_threads';
import { DomainError } from '#kernel';
import { checkIntegrity } from './integrity/integrity.js';
import type { IntegrityThread } from './integrity/watch.js';

/** What the thread tells: how far it is, and at last what it found. */
try {
  const { path, descriptor } = workerData as IntegrityThread;
  const report = checkIntegrity(path, (progress) => parentPort!.postMessage({ progress }), descriptor);
  parentPort!.postMessage({ report });
} catch (error) {
  if (!(error instanceof DomainError)) throw error;
  parentPort!.postMessage({ error: error.toJSON() });
}
