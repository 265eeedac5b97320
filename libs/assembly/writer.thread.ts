import { parentPort, workerData } from 'node:worker_threads';
import { hostWriter } from '#audit-log';
import { Database, type DatabaseOptions } from '#storage';
import { assembleWriter } from './writer.js';

const db = Database.open(workerData as DatabaseOptions);
hostWriter(parentPort!, assembleWriter(db), () => db.close());
