import type { Reason } from './manifest.js';
import type { Backup } from './shelf.js';

/** A backup as lists show it. */
export interface ListedBackup {
  id: string;
  reason: Reason;
  created_at: string;
  /** Of the last entry of its log. */
  position: number;
  entry_hash: string;
  time: string | null;
  schema_version: number;
  program_version: string;
  size: number;
  packed_size: number;
  packing: string;
  sha256: string;
  seconds: number;
}

export const asListed = ({ manifest }: Backup): ListedBackup => ({
  id: manifest.id,
  reason: manifest.reason,
  created_at: manifest.created_at,
  ...manifest.log,
  schema_version: manifest.schema_version,
  program_version: manifest.program_version,
  size: manifest.database.size,
  packed_size: manifest.packed.size,
  packing: manifest.packed.packing,
  sha256: manifest.packed.sha256,
  seconds: manifest.seconds,
});
