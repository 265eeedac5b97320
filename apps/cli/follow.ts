import { setTimeout as sleep } from 'node:timers/promises';
import type { Operation } from '#operations';
import { EXIT, Failure } from './failure.js';
import type { Interrupt } from './interrupt.js';
import { count } from './progress.js';
import type { Rest } from './rest.js';

/** How often a running operation is asked for, and how often its progress is told where there is no terminal. */
const ASK_EVERY = 200;
const LINE_EVERY = 2000;

/** Begins an operation of the server and waits for its end, telling how far it is. The server goes on if this ends. */
export async function follow<Result>(
  rest: Rest,
  interrupt: Interrupt,
  { path, body, title, quiet }: { path: string; body: object; title: string; quiet: boolean },
): Promise<Result> {
  let { body: operation } = await rest.post<Operation>(path, body);
  const line = new Line(title, quiet);
  while (operation.status === 'running') {
    await sleep(ASK_EVERY);
    interrupt.check(`The server goes on: GET /v1/operations/${operation.id} says how it ends.`);
    ({ body: operation } = await rest.get<Operation>(`/v1/operations/${operation.id}`));
    line.tell(operation.progress);
  }
  line.end();
  if (operation.status === 'succeeded') return operation.result as Result;
  throw new Failure(EXIT.no, 'operation-failed', `The operation ${operation.status}: ${operation.error ?? ''}`.trim());
}

/** One line that is written over on a terminal, and again every other second elsewhere. */
class Line {
  private told = performance.now();
  private shown = false;

  constructor(
    private readonly title: string,
    private readonly quiet: boolean,
  ) {}

  tell({ done, total }: Operation['progress']): void {
    const now = performance.now();
    const terminal = process.stderr.isTTY === true;
    if (this.quiet || total === 0 || (!terminal && now - this.told < LINE_EVERY)) return;
    this.told = now;
    this.shown = terminal;
    const text = `${this.title}: ${count(done)} of ${count(total)}`;
    process.stderr.write(terminal ? `\r${text}\u001B[K` : `${text}\n`);
  }

  end(): void {
    if (this.shown) process.stderr.write('\n');
  }
}
