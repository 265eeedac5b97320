import { createInterface } from 'node:readline/promises';
import { BACKUP_PROCESS } from '#assembly';
import { runApart, Shelf, type Step, type TakeOptions, type Task, type TaskKind, type Tasks } from '#backup';
import { megabytes } from '#storage';
import { EXIT, Failure } from '../failure.js';
import { Progress } from '../progress.js';

/** Milliseconds that a step may take before it is shown how far it is. */
const SHORT = 1000;

const TITLES: Record<Step['step'], string> = {
  copy: 'Copying',
  pack: 'Packing',
  unpack: 'Unpacking',
  verify: 'Verifying',
  trim: 'Cutting',
  erase: 'Erasing again',
  rebuild: 'Rebuilding',
  compare: 'Comparing',
};

const IN_BYTES: Step['step'][] = ['copy', 'pack', 'unpack'];

/** Long work on files, for somebody who watches it and may press Ctrl-C at any moment. */
export class Work {
  private readonly stopped = new AbortController();
  private readonly listener: () => void;
  private shown: { step: Step['step']; since: number; done: number; bar: Progress | undefined } | undefined;

  constructor(
    private readonly quiet: boolean,
    hint: string,
  ) {
    this.listener = () =>
      this.stopped.abort(new Failure(EXIT.interrupted, 'interrupted', 'Stopped before the end.', hint));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, this.listener);
  }

  /** Without a terminal nobody can be asked, and silence is no consent: said before any work is done. */
  refuseUnasked(yes: boolean): void {
    if (yes || process.stdin.isTTY === true) return;
    throw new Failure(
      EXIT.usage,
      'not-confirmed',
      'This has to be confirmed, and there is no terminal to ask at.',
      'Say --yes. Nothing was changed.',
    );
  }

  async run<K extends TaskKind>(kind: K, input: Tasks[K]['input']): Promise<Tasks[K]['result']> {
    try {
      const task: Task<K> = { kind, input };
      return await runApart(BACKUP_PROCESS, task, {
        report: (step) => this.show(step),
        signal: this.stopped.signal,
      });
    } finally {
      this.endStep();
    }
  }

  /** Takes a backup; cut off, it leaves nothing behind. */
  async take(options: TakeOptions): Promise<Tasks['take']['result']> {
    try {
      return await this.run('take', options);
    } catch (error) {
      if (this.stopped.signal.aborted) new Shelf(options.directory).tidy();
      throw error;
    }
  }

  say(line: string): void {
    if (!this.quiet) process.stderr.write(`${line}\n`);
  }

  /** Asks for a yes. */
  async confirm(question: string, yes: boolean): Promise<boolean> {
    if (yes) return true;
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    lines.on('SIGINT', this.listener);
    try {
      const answered = await lines.question(`${question} [y/N] `, { signal: this.stopped.signal });
      return /^y(es)?$/i.test(answered.trim());
    } catch (error) {
      throw this.stopped.signal.reason ?? error;
    } finally {
      lines.close();
    }
  }

  end(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, this.listener);
  }

  private show({ step, done, total }: Step): void {
    if (this.shown?.step !== step) {
      this.endStep();
      this.shown = { step, since: performance.now(), done: 0, bar: undefined };
    }
    const { shown } = this;
    if (shown.bar === undefined && performance.now() - shown.since < SHORT) return;
    shown.bar ??= new Progress(TITLES[step], total, process.stderr, this.quiet, {
      since: shown.since,
      ...(IN_BYTES.includes(step) && { spell: megabytes }),
    });
    shown.bar.add(done - shown.done);
    shown.done = done;
  }

  private endStep(): void {
    this.shown?.bar?.end();
    this.shown = undefined;
  }
}

/** Runs a verb's work to its end, whatever that is. */
export async function working<T>(quiet: boolean, hint: string, verb: (work: Work) => Promise<T>): Promise<T> {
  const work = new Work(quiet, hint);
  try {
    return await verb(work);
  } finally {
    work.end();
  }
}
