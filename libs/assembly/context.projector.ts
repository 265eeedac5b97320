import { canonicalJson } from '#kernel';
import { projector } from '#projections';
import { sql } from '#storage';
import type { ContextSynthesized } from './context.events.js';

/** Tables `contexts` and `context_items`: which context used which version of a memory. */
export const contextsProjector = projector<ContextSynthesized>('contexts', {
  mode: 'inline',
  tables: ['contexts', 'context_items'],
  on: {
    ContextSynthesized: ({ data, position, time, actor }) => [
      sql`INSERT INTO contexts (id, context_id, session_id, task_id, query, token_budget, as_of, position, moment, degraded,
            format, token_count, prompt_sha256, omitted, created_by, created_at)
          VALUES (${position}, ${data.context_id}, ${data.session_id}, ${data.task_id}, ${data.query}, ${data.token_budget},
            ${data.as_of}, ${data.position}, ${data.moment}, ${data.degraded ? 1 : 0}, ${data.format}, ${data.token_count},
            ${data.prompt_sha256}, ${canonicalJson(data.omitted)}, ${actor}, ${time})`,
      sql`INSERT INTO context_items (context_id, place, part, memory_id, state_key, score)
          SELECT ${position}, key, value ->> 'part', value ->> 'memory_id', value ->> 'state_key', value ->> 'score'
          FROM json_each(${canonicalJson(data.items)}) ORDER BY key`,
    ],
  },
});
