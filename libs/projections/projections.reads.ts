import { defineRead, sql } from '#storage';

export interface ProjectionStatus {
  name: string;
  mode: 'inline' | 'catch-up';
  position: number;
  /** Entries of the log that it has not seen yet. */
  lag: number;
}

export const projectionStatus = defineRead('projections.status', (db, _: null): ProjectionStatus[] =>
  db.all<ProjectionStatus>(
    sql`SELECT name, mode, position, (SELECT coalesce(max(position), 0) FROM audit) - position AS lag
        FROM projections ORDER BY name`,
  ),
);
