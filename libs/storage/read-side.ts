import type { Database } from './database.js';
import type { ReaderPool } from './reader-pool.js';
import type { Read } from './reads.js';

/** Told of each read: its name, where it ran, and the seconds from the question to the answer, waiting included. */
export type OnRead = (read: string, kind: 'point' | 'scan', seconds: number) => void;

/** Where reads run: what costs microseconds right here, whatever may take longer on a reader thread. */
export class ReadSide {
  onRead: OnRead = () => undefined;

  constructor(
    private readonly db: Database,
    private readonly pool: ReaderPool,
  ) {}

  /** A point read, on this thread's own connection. */
  point<Input, Answer>(read: Read<Input, Answer>, input: Input): Answer {
    const begin = performance.now();
    try {
      return read.run(this.db, input);
    } finally {
      this.onRead(read.name, 'point', (performance.now() - begin) / 1000);
    }
  }

  /** A scan, on a reader of the pool. */
  async scan<Input, Answer>(read: Read<Input, Answer>, input: Input): Promise<Answer> {
    const begin = performance.now();
    try {
      return await this.pool.run(read, input);
    } finally {
      this.onRead(read.name, 'scan', (performance.now() - begin) / 1000);
    }
  }
}
