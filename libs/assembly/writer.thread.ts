import { parentPort, workerData } from 'node:worker_threads';
import { hostWriter } from '#audit-log';
import { Database, PRAGMAS, sql, WalWatch, walNews, type DatabaseOptions, type WalNews } from '#storage';
import { Tally, type CountedTimes } from './tally.js';
import { assembleWriter, type HouseRules } from './writer.js';

/** What the writer thread tells the metrics of. */
export interface WriterNews {
  counted: CountedTimes[];
  wal?: WalNews;
}

const options = workerData as DatabaseOptions;
const db = Database.open(options);
const tally = new Tally(
  ({ namespace, key, version }) =>
    db.one<{ memory_type: string }>(
      sql`SELECT memory_type FROM memory_entries WHERE namespace = ${namespace} AND key = ${key} AND version = ${version}`,
    )?.memory_type ?? 'unknown',
);
const wal = new WalWatch(options.path);

function watch(): () => WriterNews {
  const before = wal.look();
  return () => {
    const after = wal.look();
    const news = before && after && walNews(before, after, PRAGMAS.wal_autocheckpoint);
    return { counted: tally.take(), wal: news };
  };
}

hostWriter(parentPort!, assembleWriter(db, workerData as HouseRules, tally), { close: () => db.close(), watch });
