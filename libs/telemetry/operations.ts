import { randomUUID } from 'node:crypto';

/** Work that takes longer than a request: it goes on after the answer, and can be asked about. */
export interface Operation {
  id: string;
  kind: string;
  status: 'running' | 'succeeded' | 'failed';
  progress: { done: number; total: number };
  /** What came of it; `null` until then. */
  result: object | null;
  /** Why it failed. */
  error: string | null;
  started_at: string;
  finished_at: string | null;
}

/** How many operations that have ended are remembered. */
const REMEMBERED = 1000;

/** The operations of this process, for as long as it lives. What they do is in the log; that they ran is not. */
export class Operations {
  private readonly known = new Map<string, Operation>();

  constructor(private readonly onFailure: (operation: Operation, error: unknown) => void) {}

  /**
   * Starts work, and returns at once how it stands. An expected failure says itself what is wrong. The work is told the
   * operation's id: as the correlation id of what it writes, it finds all of that again.
   */
  start(
    kind: string,
    work: (report: (progress: Operation['progress']) => void, id: string) => Promise<object>,
  ): Operation {
    const operation: Operation = {
      id: randomUUID(),
      kind,
      status: 'running',
      progress: { done: 0, total: 0 },
      result: null,
      error: null,
      started_at: new Date().toISOString(),
      finished_at: null,
    };
    this.known.set(operation.id, operation);
    void work((progress) => (operation.progress = progress), operation.id)
      .then(
        (result) => Object.assign(operation, { status: 'succeeded', result }),
        (error: unknown) => {
          Object.assign(operation, { status: 'failed', error: reasonOf(error) });
          this.onFailure(operation, error);
        },
      )
      .finally(() => {
        operation.finished_at = new Date().toISOString();
        this.forgetOldest();
      });
    return { ...operation };
  }

  get(id: string): Operation | undefined {
    const operation = this.known.get(id);
    return operation && { ...operation };
  }

  private forgetOldest(): void {
    const ended = [...this.known.values()].filter(({ status }) => status !== 'running');
    for (const { id } of ended.slice(0, Math.max(0, ended.length - REMEMBERED))) this.known.delete(id);
  }
}

/** Only what was meant to be read is shown; anything else is in the program's log. */
function reasonOf(error: unknown): string {
  const { name, message } = error as Error;
  if (name === 'AbortError') return 'The program was stopped.';
  return name === 'DomainError' ? message : 'It failed unexpectedly; the log says why.';
}
