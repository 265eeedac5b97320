import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export type Intrusion = 'reader-that-never-ends' | 'holder-of-the-lock';

const living = new Set<ChildProcess>();
process.on('exit', () => living.forEach((child) => child.kill('SIGKILL')));

/** Starts a program of somebody else that reads the database for ever, or keeps its write lock. */
export async function intrude(what: Intrusion, path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['test/support/intruder.mjs', what, path], {
    argv0: 'node',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  living.add(child);
  child.once('exit', () => living.delete(child));
  await once(child.stdout, 'data');
  return child;
}

/** Ends one that a spec has left. */
export async function expel(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
