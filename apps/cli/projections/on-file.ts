import { assembleWriter, inThread, listProjections, migrateFile, readConfig, resolveProjections } from '#assembly';
import { lockForRebuild, parkedEvents } from '#projections';
import { Database } from '#storage';
import { EXIT, Failure } from '../failure.js';
import type { Interrupt } from '../interrupt.js';
import { openToRead } from '../target.js';
import type { FileDesk, LeftAside, Retried } from './desk.js';

/** Projections of a file. A server that has it open may go on: the lock of the file keeps both apart. */
export function deskOnFile(path: string, interrupt: Interrupt): FileDesk {
  const config = { ...readConfig(process.env), ABATHUR_DB_PATH: path };
  const synchronous = config.ABATHUR_DB_SYNCHRONOUS;
  const chore = <T>(called: string, name: string): T => {
    const [one] = resolveProjections(name, 'one');
    openToRead(path).close();
    migrateFile(config);
    const db = Database.open({ path, synchronous });
    try {
      const input = { name: one, time: new Date().toISOString() };
      const [settled] = assembleWriter(db).batch([{ kind: 'chore', chore: called, input }]);
      if ('error' in settled!) throw settled.error;
      return settled!.value as T;
    } finally {
      db.close();
    }
  };
  return {
    list: async () => reading(path, (db) => listProjections(db)),
    parked: async (name) => {
      const [one] = resolveProjections(name, 'one');
      return reading(path, (db) => parkedEvents.run(db, one!));
    },
    retry: async (name) => chore<Retried>('retry-parked-events', name),
    leaveAside: async (name) => chore<LeftAside>('leave-event-aside', name),
    rebuild: async (name, compareOnly, onProgress) => {
      const names = resolveProjections(name);
      openToRead(path).close();
      migrateFile(config);
      registerProjections(path);
      const lock = lockForRebuild(path);
      const watching = setInterval(() => {
        if (interrupt.requested) void stop?.();
      }, 50);
      let stop: (() => Promise<unknown>) | undefined;
      try {
        const order = { path, synchronous, names, compareOnly };
        const nobody = { hold: async () => () => undefined };
        return await inThread(order, onProgress, nobody, (thread) => (stop = thread.end));
      } catch (error) {
        interrupt.check('The tables are as they were. Run the same command again.');
        throw error;
      } finally {
        clearInterval(watching);
        lock.release();
      }
    },
  };
}

/** Gives a file of an older program the checkpoints of projections that it has not met. */
function registerProjections(path: string): void {
  const db = Database.open({ path });
  assembleWriter(db);
  db.close();
}

function reading<T>(path: string, work: (db: Database) => T): T {
  const db = openToRead(path);
  try {
    if (db.hasTable('parked_events')) return work(db);
  } finally {
    db.close();
  }
  throw new Failure(
    EXIT.data,
    'database-too-old',
    `${path} was made by an older version of this program.`,
    'Bring it up to date with abathur migrate.',
  );
}
