import { parentPort, workerData } from 'node:worker_threads';
import { DomainError } from '#kernel';
import { checkIntegrity } from './integrity/integrity.js';

/** What the thread tells: how far it is, and at last what it found. */
try {
  const report = checkIntegrity(workerData as string, (progress) => parentPort!.postMessage({ progress }));
  parentPort!.postMessage({ report });
} catch (error) {
  if (!(error instanceof DomainError)) throw error;
  parentPort!.postMessage({ error: error.toJSON() });
}
