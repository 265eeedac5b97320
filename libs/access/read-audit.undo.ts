import type { Undoes } from '#audit-log';
import type { MemoriesRead } from './read-audit.events.js';

export const readAuditUndoes: Undoes<MemoriesRead> = {
  MemoriesRead: () => ({ keep: 'what was read has been read' }),
};
