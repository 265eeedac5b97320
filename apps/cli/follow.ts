import { setTimeout as sleep } from 'node:timers/promises';
import type { Operation } from '#operations';
import { EXIT, Failure } from './failure.js';
import type { Interrupt } from './interrupt.js';
import { Progress } from './progress.js';
import type { Rest } from './rest.js';

/** How often a running operation is asked how it stands, in milliseconds. */
const ASK_EVERY = 200;

/** What is through sooner than this shows no bar, in milliseconds. */
const SOON = 1000;

/** Waits for the end of an operation of the server. The server goes on with it if this ends before. */
export async function ended(
  rest: Rest,
  begun: Operation,
  { interrupt, onProgress }: { interrupt?: Interrupt; onProgress?: (progress: Operation['progress']) => void } = {},
): Promise<Operation> {
  for (let operation = begun; ;) {
    onProgress?.(operation.progress);
    if (operation.status !== 'running') return operation;
    await sleep(ASK_EVERY);
    interrupt?.check(`The server goes on: GET /v1/operations/${operation.id} says how it ends.`);
    ({ body: operation } = await rest.get<Operation>(`/v1/operations/${operation.id}`));
  }
}

/** Begins an operation of the server and waits for its end, telling how far it is. */
export async function follow(
  rest: Rest,
  interrupt: Interrupt,
  { path, body, title, quiet }: { path: string; body?: object; title: string; quiet: boolean },
): Promise<Operation> {
  const { body: begun } = await rest.post<Operation>(path, body);
  const bar = new LateBar(title, quiet);
  const operation = await ended(rest, begun, { interrupt, onProgress: (progress) => bar.at(progress) });
  bar.end();
  return operation;
}

/** What came of an operation that has ended. */
export function resultOf<Result>({ status, result, error }: Operation): Result {
  if (status === 'succeeded') return result as Result;
  throw new Failure(EXIT.no, 'operation-failed', `The operation ${status}: ${error ?? 'its process is gone'}`);
}

/** A bar that is there only for what takes a while. */
export class LateBar {
  private readonly begin = performance.now();
  private progress: Progress | undefined;

  constructor(
    private readonly title: string,
    private readonly quiet: boolean,
  ) {}

  at({ done, total }: Operation['progress']): void {
    if (total === 0 || performance.now() - this.begin < SOON) return;
    this.progress ??= new Progress(this.title, total, process.stderr, this.quiet, { since: this.begin });
    this.progress.reach(done, total);
  }

  end(): void {
    this.progress?.end();
  }
}
