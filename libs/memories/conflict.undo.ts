import { decideStep, type Undoes } from '#audit-log';
import { sql, type Reader } from '#storage';
import { conflict } from './conflict.decider.js';
import type { ConflictEvent, ConflictResolved } from './conflict.events.js';

/** That memories are in conflict was found and stays so; when what resolved it is taken back, it is open again. */
export const conflictUndoes: Undoes<ConflictEvent> = {
  ConflictDetected: () => ({ keep: 'that they are in conflict was found' }),
  ConflictResolved: ({ data: { conflict_id } }, { states, later }) => {
    const { before, now } = states(conflict);
    if (now.status === 'open' || before.status !== 'open') return { keep: 'it stands as it did before' };
    const because = later();
    if (because.length > 0) return { refuse: `conflict ${conflict_id} was dealt with since`, because };
    return { take: decideStep(conflict, { type: 'ReopenConflict', conflict_id }), what: 'it is open again' };
  },
  ConflictReopened: ({ data: { conflict_id } }, { before, db, later, states }) => {
    if (states(conflict).now.status !== 'open') return { keep: 'it stands as it did before' };
    const because = later();
    if (because.length > 0) return { refuse: `conflict ${conflict_id} was dealt with since`, because };
    const resolved = resolutionBefore(db, conflict.stream({ type: 'ReopenConflict', conflict_id }), before);
    if (resolved === undefined) return { keep: 'it was open before' };
    return { take: decideStep(conflict, { type: 'ResolveConflict', ...resolved }), what: 'it is resolved again' };
  },
};

/** How a conflict had been resolved last. */
function resolutionBefore(db: Reader, stream: string, position: number): ConflictResolved['data'] | undefined {
  const row = db.one<{ data: string }>(
    sql`SELECT data FROM audit WHERE stream = ${stream} AND position <= ${position} AND type = 'ConflictResolved'
        ORDER BY stream_version DESC LIMIT 1`,
  );
  return row && (JSON.parse(row.data) as ConflictResolved['data']);
}
