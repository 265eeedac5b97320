// A reader thread with reads that a spec can hold up, refuse and break, on the real host and a real connection.
import { parentPort, workerData } from 'node:worker_threads';
import { DomainError } from '#kernel';
import { checkPragmas, Database, defineRead, hostReads, readRegistry, sql } from '#storage';

// Where a spec says so, every reader but the first does not get through its start until it is let.
const { starts } = workerData;
if (starts !== undefined && Atomics.add(starts, 0, 1) > 0) Atomics.wait(starts, 1, 0);

const reads = [
  defineRead('echo', (_, input) => input),
  defineRead('wait', (_, { gate, answer }) => {
    Atomics.wait(gate, 0, 0);
    return answer;
  }),
  defineRead('count', (db, table) => db.one({ text: `SELECT count(*) AS count FROM ${table}`, params: [] }).count),
  defineRead('pragmas', (db, synchronous) => checkPragmas(db, synchronous)),
  defineRead('write', (db) => db.all(sql`DELETE FROM audit RETURNING position`)),
  defineRead('refuse', (_, hint) => {
    throw new DomainError('not-found', 'nothing-there', 'There is nothing there.', { hint });
  }),
  defineRead('fail', () => {
    throw new TypeError('out of order');
  }),
  // An answer that cannot cross to another thread: the host itself breaks down.
  defineRead('crash', () => () => undefined),
  defineRead('exit', () => process.exit(3)),
];

hostReads(parentPort, Database.open(workerData), readRegistry(reads));
