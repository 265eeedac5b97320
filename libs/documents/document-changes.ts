import { sql, type Database } from '#storage';

export interface NoticedChanges {
  file_paths: string[];
  /** ISO-8601 UTC. */
  time: string;
}

/** Remembers files that were seen to change, inside the writer's transaction: their documents are stale until looked at. */
export function noteChanges(db: Database, { file_paths, time }: NoticedChanges): void {
  for (const file_path of file_paths) {
    db.run(
      sql`INSERT INTO document_changes (file_path, noticed_at) VALUES (${file_path}, ${time})
          ON CONFLICT (file_path) DO UPDATE SET noticed_at = excluded.noticed_at`,
    );
  }
}

/** Forgets what was noticed up to a moment, at these paths and below them. */
export function forgetChanges(db: Database, { file_paths, time }: NoticedChanges): void {
  for (const path of file_paths) {
    db.run(
      sql`DELETE FROM document_changes WHERE noticed_at <= ${time}
          AND (file_path = ${path} OR (file_path >= ${`${path}/`} AND file_path < ${`${path}0`}))`,
    );
  }
}
