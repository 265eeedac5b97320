import { existsSync } from 'node:fs';
import { readConfig } from '#assembly';
import { Database, fileId } from '#storage';
import { EXIT, Failure } from './failure.js';
import { Rest } from './rest.js';
import type { Call } from './verb.js';

/** Where a verb does its work: through a server that has the database open, or on the file itself. */
export type Target = { kind: 'server'; url: string; rest: Rest } | { kind: 'file'; path: string };

/** How long a server may take to say that it is there, in milliseconds. */
const PATIENCE = 5000;

/**
 * The server that was named, or the file that was named; else the server at HOST and PORT if it has our file open, else
 * the file. Says which on standard error.
 */
export async function target({ options, json }: Call, signal = new AbortController().signal): Promise<Target> {
  const found = await choose(options as TargetOptions, signal);
  if (!json) {
    process.stderr.write(
      found.kind === 'server' ? `Asking the server at ${found.url}.\n` : `Reading the file ${found.path}.\n`,
    );
  }
  return found;
}

/** The server that has the database open, for what only a server does; `why` says that in a sentence. */
export async function serverFor(call: Call, why: string, signal?: AbortSignal): Promise<Rest> {
  const found = await target(call, signal);
  if (found.kind === 'server') return found.rest;
  throw new Failure(EXIT.unavailable, 'no-server', why, 'Start one with npm start, or say where it is with --url.');
}

interface TargetOptions {
  url?: string;
  file?: string | true;
}

async function choose({ url: named, file }: TargetOptions, signal: AbortSignal): Promise<Target> {
  if (named !== undefined && file !== undefined) {
    throw new Failure(EXIT.usage, 'two-targets', '--url and --file name two different places.', 'Give one of them.');
  }
  if (named !== undefined) return { kind: 'server', url: named, rest: new Rest(named, signal) };
  const { ABATHUR_DB_PATH: path, HOST, PORT } = readConfig(process.env);
  if (file !== undefined) return { kind: 'file', path: existing(file === true ? path : file) };
  const address = `http://${hostOf(HOST)}:${PORT}`;
  const open = await openFile(address);
  // Without a file and a word about it, the server at the usual place is meant: the command runs in another directory.
  const meant = existsSync(path) ? open === fileId(path) : process.env['ABATHUR_DB_PATH'] === undefined;
  if (open !== undefined && meant) return { kind: 'server', url: address, rest: new Rest(address, signal) };
  return { kind: 'file', path: existing(path) };
}

/** Which file the server there has open; `undefined` where no server of ours answers. */
async function openFile(address: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${address}/health`, { signal: AbortSignal.timeout(PATIENCE), redirect: 'error' });
    const body = (await response.json()) as { parts?: { database?: { details?: { file_id?: string } } } };
    return body.parts?.database?.details?.file_id;
  } catch {
    return undefined;
  }
}

function existing(path: string): string {
  if (existsSync(path)) return path;
  throw new Failure(
    EXIT.noInput,
    'no-database',
    `There is no database at ${path}.`,
    'Set ABATHUR_DB_PATH to the file, or ask a running server with --url.',
  );
}

/** Opens the file for reading, and makes sure that it is one of ours. */
export function openToRead(path: string): Database {
  const db = Database.open({ path, readonly: true });
  try {
    if (db.hasTable('audit')) return db;
  } catch (error) {
    db.close();
    throw error;
  }
  db.close();
  throw new Failure(
    EXIT.data,
    'no-log',
    `${path} holds no log.`,
    'Is it the right file? abathur migrate makes the tables.',
  );
}

/** An address to call for an address to listen at. */
function hostOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
