import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { makeDirectory } from '#storage';
import { abathur } from '../support/cli.js';
import { livedFile } from '../support/lived-file.js';
import { temporaryDirectory } from '../support/server.js';

// Node's mkdir with `recursive` goes up and down for ever where the parent is there and says that it is not.
describe('A directory that the system does not let anybody make', () => {
  it.each(['/proc/x', '/proc/x/y'])('is refused: %s', (path) => {
    expect(() => makeDirectory(path)).toThrow(/ENOENT|EACCES|EPERM/);
  });

  it('as a place for backups, for a database, and for what an export becomes', async () => {
    const { environment } = await livedFile(20);
    const backup = await abathur(['backup', '--out', '/proc/x'], environment);
    expect(backup).toMatchObject({ code: 78, err: expect.stringContaining('/proc/x cannot be written to (') });
    const migrated = await abathur(['migrate'], { ABATHUR_DB_PATH: '/proc/x/abathur.db' });
    expect(migrated).toMatchObject({ code: 78, err: expect.stringContaining('/proc/x/abathur.db cannot be opened') });
  });

  it('others are made with all that is above them, and what is a file stays one', () => {
    const root = temporaryDirectory();
    makeDirectory(join(root, 'a', 'b', 'c'));
    makeDirectory(join(root, 'a', 'b', 'c'));
    expect(readdirSync(join(root, 'a', 'b'))).toEqual(['c']);
    writeFileSync(join(root, 'file'), 'mine');
    expect(() => makeDirectory(join(root, 'file'))).toThrow(/EEXIST/);
    expect(() => makeDirectory(join(root, 'file', 'below'))).toThrow(/ENOTDIR/);
  });
});
