import { setTimeout as sleep } from 'node:timers/promises';
import { checkIntegrity, type IntegrityProgress, type IntegrityReport } from '#assembly';
import type { Operation } from '#operations';
import { EXIT, Failure } from './failure.js';
import type { Interrupt } from './interrupt.js';
import { Progress } from './progress.js';
import type { Rest } from './rest.js';
import { openToRead } from './target.js';

/** How often a running server is asked how far it is, in milliseconds. */
const ASK_EVERY = 250;

/** Has a running server check its database. */
export async function checkThere(rest: Rest, interrupt: Interrupt, quiet: boolean): Promise<IntegrityReport> {
  const bar = new Bar(quiet);
  let { body: operation } = await rest.post<Operation>('/v1/admin/integrity');
  while (operation.status === 'running') {
    bar.at(operation.progress);
    await sleep(ASK_EVERY);
    interrupt.check('The check goes on in the server; GET /v1/admin/integrity tells what it finds.');
    ({ body: operation } = await rest.get<Operation>(`/v1/operations/${operation.id}`));
  }
  bar.end();
  if (operation.status === 'succeeded') return operation.result as IntegrityReport;
  throw new Failure(EXIT.unavailable, 'integrity-not-checked', `The check ended early: ${operation.error}`);
}

/** Checks a file right here. */
export function checkHere(path: string, interrupt: Interrupt, quiet: boolean): IntegrityReport {
  // Nothing is waited for from here on, so that the first Ctrl-C has to end it; there is nothing to tidy up.
  interrupt.off();
  openToRead(path).close();
  const bar = new Bar(quiet);
  const report = checkIntegrity(path, (progress) => bar.at(progress));
  bar.end();
  return report;
}

/** A bar that is there only for what takes a while. */
class Bar {
  private readonly begin = performance.now();
  private progress: Progress | undefined;

  constructor(private readonly quiet: boolean) {}

  at({ done, total }: IntegrityProgress): void {
    if (performance.now() - this.begin < 1000) return;
    this.progress ??= new Progress('Checking', total, process.stderr, this.quiet, { since: this.begin });
    this.progress.reach(done);
  }

  end(): void {
    this.progress?.end();
  }
}
