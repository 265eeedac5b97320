import type { Database } from './database.js';
import type { ReaderPool } from './reader-pool.js';
import type { Read } from './reads.js';

/** Where reads run: what costs microseconds right here, whatever may take longer on a reader thread. */
export class ReadSide {
  constructor(
    private readonly db: Database,
    private readonly pool: ReaderPool,
  ) {}

  /** Called with the name of each point read and the milliseconds that it took; the pool has the same for the others. */
  onRead: (read: string, milliseconds: number) => void = () => undefined;

  /** A point read, on this thread's own connection. */
  point<Input, Answer>(read: Read<Input, Answer>, input: Input): Answer {
    const begin = performance.now();
    try {
      return read.run(this.db, input);
    } finally {
      this.onRead(read.name, performance.now() - begin);
    }
  }

  /** A scan, on a reader of the pool. */
  scan<Input, Answer>(read: Read<Input, Answer>, input: Input): Promise<Answer> {
    return this.pool.run(read, input);
  }
}
