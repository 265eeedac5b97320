import type { VerbGroup } from '../verb.js';
import { checkpoint } from './wal/checkpoint.js';
import { status } from './wal/status.js';

export const wal: VerbGroup = {
  name: 'wal',
  description: 'The write-ahead log beside the database: how it stands, and folding it back into the file.',
  verbs: [status, checkpoint],
};
