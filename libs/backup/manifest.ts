import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DomainError } from '#kernel';

/** `safety`: taken before something risky, of a database that may be what is wrong. */
export type Reason = 'scheduled' | 'manual' | 'safety';

export type Packing = 'zstd' | 'gzip';

/** What is in a backup, told by the copy itself once it was read back. */
export interface Manifest {
  format: 1;
  id: string;
  reason: Reason;
  /** When the copy was begun, ISO-8601 UTC. */
  created_at: string;
  program_version: string;
  schema_version: number;
  /** The last entry of the log in it. */
  log: { position: number; entry_hash: string; time: string | null };
  database: { size: number; sha256: string };
  packed: { file: string; packing: Packing; size: number; sha256: string };
  /** Seconds from the beginning until it was verified. */
  seconds: number;
}

export const MANIFEST = 'manifest.json';

/** Reads the manifest of a backup; refuses what does not say everything that a restore holds the copy against. */
export function readManifest(directory: string): Manifest {
  const path = join(directory, MANIFEST);
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw damaged(`${path} cannot be read: ${(error as Error).message}.`);
  }
  if (!isManifest(manifest)) throw damaged(`${path} is not the manifest of a backup that this program knows.`);
  return manifest;
}

/** A backup that is not what it says it is. */
export const damaged = (message: string): DomainError =>
  new DomainError('invalid', 'backup-damaged', message, {
    hint: 'Nothing was changed. Choose another one: abathur backup list.',
  });

function isManifest(value: unknown): value is Manifest {
  const { format, id, created_at, schema_version, log, database, packed } = (value ?? {}) as Partial<Manifest>;
  const sha = /^[0-9a-f]{64}$/;
  return (
    format === 1 &&
    typeof id === 'string' &&
    typeof created_at === 'string' &&
    !Number.isNaN(Date.parse(created_at)) &&
    Number.isInteger(schema_version) &&
    Number.isInteger(log?.position) &&
    sha.test(String(log?.entry_hash)) &&
    Number.isInteger(database?.size) &&
    sha.test(String(database?.sha256)) &&
    Number.isInteger(packed?.size) &&
    sha.test(String(packed?.sha256)) &&
    /^[\w.-]+$/.test(String(packed?.file)) &&
    (packed?.packing === 'zstd' || packed?.packing === 'gzip')
  );
}
