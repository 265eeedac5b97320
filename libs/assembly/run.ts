import { DomainError } from '#kernel';
import { ConfigError, readConfig } from './config.js';
import { openHouse } from './house.js';
import type { House } from './open-house.js';

/** Exit codes from sysexits(3). */
const EX_SOFTWARE = 70;
const EX_TEMPFAIL = 75;
const EX_CONFIG = 78;

/** What a program does in a house: starts, and returns how it ends when the process is asked to stop. */
export type Program = (house: House) => Promise<() => Promise<void>>;

/**
 * Runs a program from the environment's settings until SIGTERM or SIGINT: then what is under way finishes, within the
 * drain timeout, and everything is closed.
 */
export async function run(program: Program): Promise<void> {
  try {
    const house = await openHouse(readConfig(process.env));
    house.writer.onDeath = (error) => {
      house.log.error('writer-died', error);
      house.log.flush();
      process.exit(EX_SOFTWARE);
    };
    const stop = await program(house);
    house.pool.fill();
    onceAskedToStop(house, stop);
  } catch (error) {
    explain(error);
    process.exit(error instanceof ConfigError ? EX_CONFIG : 1);
  }
}

function onceAskedToStop(house: House, stop: () => Promise<void>): void {
  let stopping = false;
  const end = async (signal: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    house.log.info('draining', { signal });
    const { ABATHUR_DRAIN_DELAY_MS: delay, ABATHUR_DRAIN_TIMEOUT_MS: timeout } = house.config;
    setTimeout(() => process.exit(EX_TEMPFAIL), delay + timeout).unref();
    await stop();
    house.writer.onDeath = () => undefined;
    await house.close();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(signal));
}

function explain(error: unknown): void {
  const { message, stack } = error as Error;
  if (error instanceof ConfigError) process.stderr.write(`${message}\n`);
  else if (error instanceof DomainError) process.stderr.write(`${message} ${error.details.hint ?? ''}\n`);
  else process.stderr.write(`${stack}\n`);
}
