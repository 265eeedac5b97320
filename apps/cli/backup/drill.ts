import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { restoreInto, type Comparison, type TakeOptions } from '#backup';
import { FileLock } from '#storage';
import { EXIT, Failure } from '../failure.js';
import { count, duration } from '../progress.js';
import { columns } from './texts.js';
import type { Work } from './work.js';

export interface Drilled {
  ok: boolean;
  backup: string;
  events: number;
  tables: number;
  differences: Comparison['differences'];
  steps: { step: string; seconds: number }[];
  /** From nothing to a verified database with its tables told again. */
  recovery_seconds: number;
  objective_seconds: number;
}

/** Takes a backup of the living database and has it back elsewhere, with the time that each step took. */
export async function runDrill(work: Work, options: TakeOptions, objective: number): Promise<Drilled> {
  const steps: Drilled['steps'] = [];
  const timed = async <T>(step: string, run: () => Promise<T>): Promise<T> => {
    const begin = performance.now();
    const result = await run();
    steps.push({ step, seconds: Math.round(performance.now() - begin) / 1000 });
    return result;
  };
  const taken = await timed('take and verify a backup', () => work.take(options));
  const lock = reserve(options.directory);
  const place = mkdtempSync(join(options.directory, DRILL));
  try {
    const target = join(place, 'abathur.db');
    const stage = () => work.run('stage', { backup: taken.directory, target });
    await timed('restore it elsewhere and verify', () => restoreInto(target, stage, async () => true));
    const compared = await timed('rebuild from the log and compare', () => work.run('compare', { path: target }));
    const [, restore, rebuild] = steps;
    const recovery_seconds = Math.round((restore!.seconds + rebuild!.seconds) * 1000) / 1000;
    return {
      ok: compared.differences.length === 0 && recovery_seconds <= objective,
      backup: taken.manifest.id,
      events: compared.events,
      tables: compared.tables,
      differences: compared.differences,
      steps,
      recovery_seconds,
      objective_seconds: objective,
    };
  } finally {
    rmSync(place, { recursive: true, force: true });
    lock.release();
  }
}

/** One drill at a time; what a killed one has left behind goes. */
function reserve(directory: string): FileLock {
  const lock = FileLock.alone(join(directory, '.drill-lock'));
  if (lock === undefined) {
    throw new Failure(
      EXIT.unavailable,
      'drill-running',
      `Another drill is running in ${directory}.`,
      'Wait for its end.',
    );
  }
  for (const name of readdirSync(directory)) {
    if (name.startsWith(DRILL)) rmSync(join(directory, name), { recursive: true, force: true });
  }
  return lock;
}

const DRILL = '.drilling-';

export function reportOf(drilled: Drilled): string {
  const { backup, events, tables, differences, steps, recovery_seconds, objective_seconds } = drilled;
  const found =
    differences.length === 0
      ? `Every row of ${tables} tables is what ${count(events)} entries tell.`
      : differences
          .map(
            ({ table, only_here, only_from_log }) =>
              `${table}: ${only_here} rows only here, ${only_from_log} only from the log.`,
          )
          .join('\n');
  const late = recovery_seconds > objective_seconds;
  return (
    columns(steps.map(({ step, seconds }) => [step, duration(seconds)])) +
    `${found}\nBackup ${backup} was back after ${duration(recovery_seconds)}; ${late ? 'too late: ' : ''}the objective is ${duration(objective_seconds)}.\n`
  );
}
