import type { VerbGroup } from '../verb.js';
import { analyze } from './db/analyze.js';
import { explain } from './db/explain.js';
import { indexes } from './db/indexes.js';
import { locks } from './db/locks.js';
import { reindex } from './db/reindex.js';

export const db: VerbGroup = {
  name: 'db',
  description: 'The database file itself: who has it, what its indexes are, how a question is answered.',
  verbs: [locks, indexes, reindex, analyze, explain],
};
