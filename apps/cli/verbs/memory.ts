import type { VerbGroup } from '../verb.js';
import { archive, consolidate, conflicts, resolve } from './memory/consolidation.js';
import { exportMemories, importMemories } from './memory/lines.js';
import { get, list, remove, restore } from './memory/memories.js';

export const memory: VerbGroup = {
  name: 'memory',
  description: 'Look at the memories of a running server, put them in order, take them out and in.',
  verbs: [list, get, remove, archive, restore, consolidate, conflicts, resolve, exportMemories, importMemories],
};
