import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { until } from '../until.js';

/** A server of the machine that a spec started, for instance Prometheus. */
export interface Daemon {
  process: ChildProcess;
  /** Everything it printed. */
  output(): string;
  /** Ends it and waits. */
  stop(): Promise<void>;
}

/** What a failing spec did not end. */
const running = new Set<ChildProcess>();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Starts a program and waits until it answers. */
export async function startDaemon(
  program: string,
  args: string[],
  { url, env = {} }: { url: string; env?: Record<string, string> },
): Promise<Daemon> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  running.add(child);
  const exited = once(child, 'exit').then(() => running.delete(child));
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const daemon: Daemon = {
    process: child,
    output: () => printed,
    stop: async () => {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(late);
    },
  };
  try {
    await until(`${program} answers at ${url}`, async () => {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}:\n${printed}`);
      return (await fetch(url).catch(() => undefined))?.ok;
    });
  } catch (error) {
    await daemon.stop();
    throw error;
  }
  return daemon;
}
