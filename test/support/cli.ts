import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The built command line. */
export const CLI = join(process.cwd(), 'dist/apps/cli/main.js');

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Runs `abathur` with these settings, without a terminal, to its end; `during` may act on it meanwhile. */
export async function abathur(
  args: string[],
  environment: Record<string, string> = {},
  during?: (child: ChildProcess) => Promise<void> | void,
): Promise<Ended> {
  return ended(
    spawn(process.execPath, [CLI, ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
    during,
  );
}

/** The same, in a shell that has set a limit first. */
export function abathurUnder(limit: string, args: string[], environment: Record<string, string>): Promise<Ended> {
  const command = [process.execPath, CLI, ...args].map((word) => `'${word}'`).join(' ');
  return ended(spawn('bash', ['-c', `${limit}; exec ${command}`], { env: { ...process.env, ...environment } }));
}

async function ended(child: ChildProcess, during?: (child: ChildProcess) => Promise<void> | void): Promise<Ended> {
  let [out, err] = ['', ''];
  child.stdout!.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const closed = once(child, 'close');
  await during?.(child);
  const [code] = (await closed) as [number | null];
  return { code, out, err };
}
