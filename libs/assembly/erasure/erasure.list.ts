import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DomainError } from '#kernel';
import { sync } from '#storage';
import type { SubjectErased } from './erasure.events.js';

/** An erasure as it is listed beside the backups: what its order in the log says. */
export type ListedErasure = SubjectErased['data'];

export const ERASURES = 'erasures.ndjson';

/**
 * The list of erasures that lies beside the backups, one a line. A backup from before an erasure still has what was erased;
 * by this list it is erased again when it is restored. Nothing in the list tells of anybody.
 */
export class ErasureList {
  readonly path: string;

  constructor(private readonly directory: string) {
    this.path = join(directory, ERASURES);
  }

  /** Makes sure that it can be written to, before anything is ordered. */
  prepare(): void {
    this.write('');
  }

  /** On the disk when it returns; twice the same is once. */
  add(erasure: ListedErasure): void {
    if (readErasures(this.path).some(({ erasure_id }) => erasure_id === erasure.erasure_id)) return;
    this.write(`${JSON.stringify(erasure)}\n`);
  }

  private write(text: string): void {
    try {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      const descriptor = openSync(this.path, 'a', 0o600);
      try {
        writeSync(descriptor, text);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      sync(this.directory);
    } catch (error) {
      const { code = 'unknown' } = error as { code?: string };
      throw new DomainError('unavailable', 'cannot-list-erasure', `${this.path} cannot be written to (${code}).`, {
        hint: 'Set ABATHUR_BACKUP_DIR to a directory that this user may write: a restored backup is erased again by the list there.',
      });
    }
  }
}

/** Those of a list, in the order in which they were ordered; none where there is no list. */
export function readErasures(path: string): ListedErasure[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  // What a crash has cut off was not ordered yet, or is listed again when it is resumed.
  const whole = lines.slice(0, -1).filter((line) => line !== '');
  return whole.map((line, index) => {
    try {
      const { erasure_id, ranges } = JSON.parse(line) as ListedErasure;
      if (typeof erasure_id === 'string' && Array.isArray(ranges)) return JSON.parse(line) as ListedErasure;
    } catch {
      // Told below.
    }
    throw new DomainError('invalid', 'bad-erasure-list', `Line ${index + 1} of ${path} is no erasure.`, {
      hint: 'Put back the list as it was written; without it, what was erased would come back.',
    });
  });
}
