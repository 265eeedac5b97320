import type { SqliteAuditLog } from '#audit-log';
import { sql, type Database } from '#storage';

/** Milliseconds that the writing of uses waits, so that those of many keys are one write. */
const EVERY = 5000;

/** A key by the position that made it, and the minute in which it was shown. */
export interface KeyUse {
  id: number;
  time: string;
}

/** Remembers when keys were last shown, to the minute. A request does not wait for it, and costs a write at most once a minute. */
export class KeyUses {
  /** The last minute of each key that was noted. */
  private readonly last = new Map<number, string>();
  private readonly waiting = new Map<number, string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly log: Pick<SqliteAuditLog, 'chore'>) {}

  note(id: number, now: string): void {
    const last = this.last.get(id);
    if (last !== undefined && now.startsWith(last)) return;
    const minute = now.slice(0, MINUTE);
    this.last.set(id, minute);
    this.waiting.set(id, `${minute}:00.000Z`);
    this.timer ??= setTimeout(() => void this.flush(), EVERY).unref();
  }

  /** Writes what waits. What cannot be written is left to the next minute: it is no reason to turn anybody away. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.waiting.size === 0) return;
    const uses = [...this.waiting].map(([id, time]): KeyUse => ({ id, time }));
    this.waiting.clear();
    await this.log.chore('note-key-uses', uses).catch(() => undefined);
  }
}

/** Characters of an ISO-8601 time down to the minute. */
const MINUTE = 'YYYY-MM-DDTHH:mm'.length;

/** In the writer's transaction; another process may know of a later use. */
export function noteKeyUses(db: Database, uses: KeyUse[]): void {
  for (const { id, time } of uses)
    db.run(
      sql`INSERT INTO api_key_uses (id, last_used_at) SELECT id, ${time} FROM api_keys WHERE id = ${id}
          ON CONFLICT (id) DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)`,
    );
}
