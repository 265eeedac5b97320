import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  openCheckpoint,
  parseProof,
  parseVerifier,
  readCheckpoint,
  verifyExport,
  verifyProof,
  type NoteVerifier,
  type OfflineReport,
  type Verdict,
} from '#audit-log';
import { makeDirectory } from '#storage';
import { EXIT, Failure } from '../failure.js';
import type { Auditor } from './auditor.js';
import { writeWhole } from './to-file.js';

const EVENTS = 'events.ndjson';
const CHECKPOINT = 'checkpoint';
const KEYS = 'log.vkey';
const MANIFEST = 'manifest.json';

/** What `manifest.json` says: which log this is, and what the other files were when they were written. */
interface Manifest {
  format: 'abathur-evidence';
  version: 1;
  made_at: string;
  log: { origin: string; size: number; root: string };
  files: Record<string, { bytes: number; sha256: string }>;
}

/**
 * Writes what an auditor needs who has neither server nor database: every entry, the signed head, and the keys that it can
 * be held against. The keys are in it for convenience; who trusts nobody keeps one from before.
 */
export async function writeEvidence(directory: string, auditor: Auditor): Promise<Manifest> {
  if (existsSync(directory) && readdirSync(directory).length > 0)
    throw new Failure(EXIT.noInput, 'not-empty', `${directory} is there and not empty.`, 'Name a new directory.');
  makeDirectory(directory);
  // The head first: the export then holds all that it signs, and perhaps a few entries more.
  const checkpoint = await auditor.checkpoint();
  await writeFile(join(directory, CHECKPOINT), checkpoint);
  await writeFile(join(directory, KEYS), await auditor.publicKeys());
  await writeWhole(join(directory, EVENTS), auditor.export({}));
  const { origin, size, root } = readCheckpoint(checkpoint);
  const files: Manifest['files'] = {};
  for (const name of [EVENTS, CHECKPOINT, KEYS]) files[name] = await fingerprint(join(directory, name));
  const manifest: Manifest = {
    format: 'abathur-evidence',
    version: 1,
    made_at: new Date().toISOString(),
    log: { origin, size, root: root.toString('base64') },
    files,
  };
  await writeFile(join(directory, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

export interface OfflineInput {
  /** A directory of evidence, an export, or a proof of one entry. */
  path: string;
  /** A file of public keys, or one key. */
  vkey?: string;
  /** A file with the signed head, where `path` does not hold one. */
  checkpoint?: string;
  /** A file with an older signed head that the log must continue. */
  since?: string;
}

export interface OfflineAnswer extends OfflineReport {
  log: { origin: string; size: number; root: string };
  /** Whether the key was given; else it came with what it was to prove. */
  pinned: boolean;
}

/** Checks with files alone. */
export async function verifyOffline(
  { path, vkey, checkpoint, since }: OfflineInput,
  each: (position: number, verdict: Verdict) => void,
): Promise<OfflineAnswer> {
  const directory = isDirectory(path);
  const keys = vkey ?? (directory ? join(path, KEYS) : undefined);
  if (keys === undefined) throw missing('--vkey', 'the public key of the log', 'abathur audit keys shows it.');
  const verifiers = verifiersIn(keys);
  if (directory) await holdAgainstManifest(path);
  const proof = directory || !startsAsProof(path) ? undefined : parseProof(readFileSync(path, 'utf8'));
  if (proof !== undefined && since !== undefined)
    throw new Failure(
      EXIT.usage,
      'no-history',
      'A proof of one entry cannot show what came before it.',
      'Leave --since out.',
    );
  const note = proof?.checkpoint ?? text(checkpoint ?? (directory ? join(path, CHECKPOINT) : undefined));
  const head = openCheckpoint(note, verifiers);
  const report =
    proof === undefined
      ? await verifyExport(
          linesOf(directory ? join(path, EVENTS) : path),
          head,
          since === undefined ? undefined : openCheckpoint(text(since), verifiers),
          each,
        )
      : verifyProof(proof, head);
  const log = { origin: head.origin, size: head.size, root: head.root.toString('base64') };
  return { ...report, log, pinned: vkey !== undefined };
}

function verifiersIn(given: string): NoteVerifier[] {
  const keys = existsSync(given) ? readFileSync(given, 'utf8') : given;
  return keys.split('\n').filter(Boolean).map(parseVerifier);
}

async function holdAgainstManifest(directory: string): Promise<void> {
  const { files } = JSON.parse(text(join(directory, MANIFEST))) as Manifest;
  for (const [name, { sha256 }] of Object.entries(files)) {
    const path = join(directory, name);
    const found = existsSync(path) ? (await fingerprint(path)).sha256 : 'missing';
    if (found !== sha256)
      throw new Failure(
        EXIT.data,
        'changed-file',
        `${path} is not what the manifest says.`,
        'Ask for the evidence again.',
      );
  }
}

async function fingerprint(path: string): Promise<{ bytes: number; sha256: string }> {
  const digest = createHash('sha256');
  for await (const chunk of createReadStream(path)) digest.update(chunk as Buffer);
  return { bytes: statSync(path).size, sha256: digest.digest('hex') };
}

const linesOf = (path: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(path), crlfDelay: Infinity });

function startsAsProof(path: string): boolean {
  if (!existsSync(path)) throw new Failure(EXIT.noInput, 'no-file', `There is no file ${path}.`);
  const begin = Buffer.alloc(32);
  const file = openSync(path, 'r');
  readSync(file, begin);
  closeSync(file);
  return begin.toString().startsWith('c2sp.org/tlog-proof@');
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

function text(path: string | undefined): string {
  if (path === undefined)
    throw missing('--checkpoint', 'the signed head to hold it against', 'abathur audit checkpoint writes it.');
  if (!existsSync(path)) throw new Failure(EXIT.noInput, 'no-file', `There is no file ${path}.`);
  return readFileSync(path, 'utf8');
}

const missing = (option: string, what: string, hint: string): Failure =>
  new Failure(EXIT.usage, 'missing-option', `${option} is missing: ${what}.`, hint);
