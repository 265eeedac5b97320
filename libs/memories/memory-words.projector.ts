import { projector } from '#projections';
import { metadataWords } from '#search';
import { sql } from '#storage';
import type { MemoryWritten } from './memory.events.js';
import { memoryText } from './memory.searchable.js';

/**
 * Table `memory_words`: the words of each version, there when its write is answered. Which versions count is told by
 * `memory_entries`. A projector of its own, so that a database from before there was search fills it from its log.
 */
export const memoryWordsProjector = projector<MemoryWritten>('memory-words', {
  mode: 'inline',
  together: true,
  tables: ['memory_words'],
  on: {
    MemoryWritten: ({ position, data: { value, metadata } }) => [
      sql`INSERT INTO memory_words (rowid, text, metadata)
          VALUES (${position}, ${memoryText(value)}, ${metadataWords(metadata)})`,
    ],
  },
});
