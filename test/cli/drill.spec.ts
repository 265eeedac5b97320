import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '#storage';
import { abathur, type Ended } from '../support/cli.js';
import { inspect } from '../support/inspect.js';
import { livedFile, type LivedFile } from '../support/lived-file.js';
import { startServer } from '../support/server.js';

describe('abathur drill', () => {
  let file: LivedFile;
  beforeAll(async () => {
    file = await livedFile(300);
  });
  const drill = (...args: string[]): Promise<Ended> => abathur(['drill', ...args], file.environment);
  const shelf = (): string[] =>
    readdirSync(file.environment['ABATHUR_BACKUP_DIR']!).filter((name) => !/lock/.test(name));

  it('R-O4 takes a backup of a living database, has it back elsewhere, and compares every row', async () => {
    const server = await startServer({ ...file.environment });
    const { code, out } = await drill('--json');
    await server.stop();
    const { head } = inspect(file.path);
    const drilled = JSON.parse(out) as { backup: string; recovery_seconds: number; events: number };
    expect(drilled).toMatchObject({ ok: true, events: head, differences: [], objective_seconds: 3600 });
    expect(drilled.recovery_seconds).toBeGreaterThan(0);
    expect(code).toBe(0);
    expect(shelf()).toEqual([drilled.backup]);
  });

  it('R-O9 tells people as a table', async () => {
    const { code, out } = await drill();
    expect(out).toMatch(/^take and verify a backup +[\d.]+ s$/m);
    expect(out).toMatch(/^restore it elsewhere and verify +[\d.]+ s$/m);
    expect(out).toMatch(/^Every row of \d+ tables is what [\d,]+ entries tell\.$/m);
    expect(out).toMatch(/^Backup \S+ was back after [\d.]+ s; the objective is 60 min 00 s\.$/m);
    expect(code).toBe(0);
  });

  it('answers no when it takes longer than it may', async () => {
    const { code, out } = await drill('--objective', '0');
    expect(out).toContain('too late: the objective is 0.0 s.');
    expect(code).toBe(1);
  });

  it('answers no when a table is not what the log tells, and names it', async () => {
    const changed = await livedFile(200, 5);
    const db = Database.open({ path: changed.path });
    db.exec(`UPDATE memory_entries SET updated_by = 'somebody' WHERE id = (SELECT min(id) FROM memory_entries)`);
    db.close();
    const { code, out } = await abathur(['drill'], changed.environment);
    expect(out).toContain('memory_entries: 1 rows only here, 1 only from the log.');
    expect(code).toBe(1);
  });

  it('R-O9 Ctrl-C leaves the backup and nothing else', async () => {
    const before = shelf();
    const { code } = await abathur(['drill'], file.environment, async (child) => {
      const begun = (): boolean =>
        readdirSync(file.environment['ABATHUR_BACKUP_DIR']!).some((name) => name.startsWith('.drilling'));
      while (!begun()) await new Promise((resolve) => setTimeout(resolve, 2));
      child.kill('SIGINT');
    });
    expect(code).toBe(130);
    expect(shelf()).toHaveLength(before.length + 1);
    expect(shelf().every((name) => !name.startsWith('.'))).toBe(true);
  });

  it('what a killed one has left behind goes with the next', async () => {
    const left = join(file.environment['ABATHUR_BACKUP_DIR']!, '.drilling-x');
    mkdirSync(left);
    expect((await drill()).code).toBe(0);
    expect(existsSync(left)).toBe(false);
  });
});
