import { ReaderPool } from '#storage';
import type { Config } from './config.js';

/** Reader threads on the database file: they know every feature's reads, and never write. */
export const openReaders = (config: Config): ReaderPool =>
  new ReaderPool({
    script: new URL('./reader.thread.js', import.meta.url),
    workerData: { path: config.ABATHUR_DB_PATH, readonly: true, synchronous: config.ABATHUR_DB_SYNCHRONOUS },
    min: config.ABATHUR_DB_POOL_MIN,
    max: config.ABATHUR_DB_POOL_MAX,
    acquireTimeout: config.ABATHUR_DB_POOL_TIMEOUT_MS,
  });
