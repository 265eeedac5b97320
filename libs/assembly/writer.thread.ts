import { parentPort, workerData } from 'node:worker_threads';
import { hostWriter } from '#audit-log';
import { Database, type DatabaseOptions } from '#storage';
import { assembleWriter, type HouseRules } from './writer.js';

const db = Database.open(workerData as DatabaseOptions);
hostWriter(parentPort!, assembleWriter(db, workerData as HouseRules), () => db.close());
