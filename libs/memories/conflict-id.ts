import { createHash } from 'node:crypto';
import { canonicalJson } from '#kernel';
import type { ConflictKind } from './conflict.events.js';
import type { MemoryRef } from './memory.events.js';

/** The same members at the same versions are the same conflict, whoever finds it and however often. */
export function conflictIdOf(kind: ConflictKind, members: MemoryRef[]): string {
  const parts = members.map(({ namespace, key, version }) => canonicalJson([namespace, key, version])).toSorted();
  return createHash('sha256')
    .update(`${kind}\n${parts.join('\n')}`)
    .digest('base64url')
    .slice(0, 22);
}
