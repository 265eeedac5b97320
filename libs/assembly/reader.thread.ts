import { parentPort, workerData } from 'node:worker_threads';
import { Database, hostReads, type DatabaseOptions } from '#storage';
import { reads } from './features.js';

hostReads(parentPort!, Database.open(workerData as DatabaseOptions), reads);
