import { sql, type Database } from '#storage';
import { nodeId } from './tree.js';

/**
 * Ends the log at a position: later entries go, with the answers, tree nodes and signed heads that tell of them. For a copy
 * only, inside a transaction: the guards of the log are lifted for it and put back as they were.
 */
export function cutLog(db: Database, position: number): void {
  const guards = db.all<{ name: string; sql: string }>(
    sql`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'`,
  );
  for (const { name } of guards) db.exec(`DROP TRIGGER "${name}"`);
  db.run(sql`DELETE FROM audit WHERE position > ${position}`);
  for (const guard of guards) db.exec(guard.sql);
  db.run(sql`DELETE FROM commits WHERE json_extract(answer, '$.position') > ${position}`);
  // The next leaf and everything after it.
  db.run(sql`DELETE FROM log_nodes WHERE id >= ${nodeId(0, position)}`);
  db.run(sql`DELETE FROM log_checkpoints WHERE id > ${position}`);
}
