import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sql, Database } from '#storage';
import { Acknowledged } from '../support/acknowledged.js';
import { damage } from '../support/damage.js';
import { inspect } from '../support/inspect.js';
import { OnCall } from '../support/on-call.js';

/** What a newer program does at its start: it migrates, and this one, put back, does not know it any more. */
const NEWER = `INSERT INTO schema_migrations (version, name, checksum) VALUES (9000, '9000_newer.sql', 'x');
               ALTER TABLE memory_entries RENAME COLUMN value TO contents;`;

describe('R-O3 Runbook 15, emergency rollback procedures', () => {
  const written = new Acknowledged();
  const later = new Acknowledged();
  let onCall: OnCall;
  let seconds = 0;
  beforeAll(async () => {
    onCall = await OnCall.begin({ page: '15-emergency-rollback' });
    await written.write(onCall.server.url, 'app:kept', 20);
    await onCall.follow('Prevention');
    await later.write(onCall.server.url, 'app:deployed', 5);
    // The deployment: killed while it served, with writes that are in the write-ahead log alone.
    await onCall.server.kill();
    damage(onCall.path, NEWER);
  });
  afterAll(() => onCall?.end());

  it('is seen: the older program, put back, does not know this database', async () => {
    await onCall.follow('First five minutes');
  });

  it('is weighed: what is lost by it is counted before anything is done', async () => {
    expect(await onCall.follow('Diagnosis')).toMatch(/Lost: [\d,]+ later entries/);
  });

  it('is done in seconds, and what was acknowledged before is served again', async () => {
    const seen = await onCall.follow('Resolution');
    seconds = Number(/Rolled back in ([\d.]+) s/.exec(seen)![1]);
    await onCall.follow('Verification');
    expect(await written.lost(onCall.server.url)).toEqual([]);
    expect((await later.lost(onCall.server.url)).length).toBe(later.size);
    expect(seconds).toBeGreaterThan(0);
  });

  it('has kept what was written since, with its write-ahead log', async () => {
    const aside = readdirSync(onCall.directory).find(
      (name) => name.startsWith('abathur.db.') && !name.endsWith('lock'),
    )!;
    const db = Database.open({ path: join(onCall.directory, aside, 'old.db'), readonly: true });
    const kept = db.all(sql`SELECT 1 FROM audit WHERE memory_namespace = 'app:deployed'`);
    db.close();
    expect(kept).toHaveLength(later.size);
  });

  it('has left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });
});
