import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { verifySlice } from '#audit-log';
import { projectors, rebuildFromExport, type RebuiltFile } from '#assembly';
import { differences, projectionStatus } from '#projections';
import { Database } from '#storage';
import { exportOf, trailerOf } from '../support/export.js';
import { live } from '../support/history.js';
import { catchUp, openTestHouse, type TestHouse } from '../support/house.js';
import { startServer, temporaryDirectory } from '../support/server.js';

describe('R-A5 A database made from an export of the log alone', () => {
  let house: TestHouse;
  let lines: string[];
  let directory: string;
  beforeAll(async () => {
    house = openTestHouse();
    await live(house.log, 11, 700);
    // One entry was erased: data and salt are gone, the chain holds.
    house.db.exec('DROP TRIGGER audit_is_never_updated; UPDATE audit SET data = NULL, salt = NULL WHERE position = 5');
    house.db.exec('UPDATE audit SET data = data');
    await catchUp(house).catch(() => undefined);
    lines = exportOf(house.db);
  });
  afterAll(() => house.close());
  beforeEach(() => {
    directory = temporaryDirectory();
  });

  const make = (text: string): Promise<RebuiltFile> => {
    writeFileSync(join(directory, 'export.ndjson'), text);
    return rebuildFromExport(join(directory, 'export.ndjson'), join(directory, 'new.db'), () => undefined);
  };
  const line = (number: number): string => lines[number - 1]!;
  const without = (number: number): string => lines.toSpliced(number - 1, 1).join('');
  const changed = (number: number, change: (text: string) => string): string =>
    lines.with(number - 1, change(line(number))).join('');
  const head = (): { position: number; entry_hash: string } =>
    (JSON.parse(line(1)) as { manifest: { head: { position: number; entry_hash: string } } }).manifest.head;

  it.each<[string, () => string, number, RegExp]>([
    ['a line that is missing', () => without(40), 40, /should hold entry 39, and holds 40/],
    [
      'a line that comes twice',
      () => lines.toSpliced(39, 0, line(40)).join(''),
      41,
      /should hold entry 40, and holds 39/,
    ],
    ['two lines that changed places', () => lines.with(39, line(41)).with(40, line(40)).join(''), 40, /holds 40/],
    ['another value', () => changed(40, (text) => text.replace(/"data":\{/, '"data":{"x":1,')), 40, /data was changed/],
    [
      'another name',
      () => changed(40, (text) => text.replace(/"actor":"[^"]*"/, '"actor":"mallory"')),
      40,
      /envelope was changed/,
    ],
    [
      'another time',
      () => changed(40, (text) => text.replace(/"time":"2026/, '"time":"2025')),
      40,
      /header was changed/,
    ],
    [
      'another hash',
      () => changed(40, (text) => text.replace(/"entry_hash":"../, '"entry_hash":"zz')),
      40,
      /hexadecimal/,
    ],
    [
      'a field that is missing',
      () => changed(40, (text) => text.replace(/"actor":"[^"]*",/, '')),
      40,
      /actor is missing/,
    ],
    ['a line that is no JSON', () => changed(40, (text) => text.replace('{', '')), 40, /is not a JSON object/],
    ['a line that is a number', () => changed(40, () => '7\n'), 40, /is not a JSON object/],
    ['an empty line', () => lines.toSpliced(39, 0, '\n').join(''), 40, /is not a JSON object/],
    ['an end in the middle of a line', () => lines.join('').slice(0, -30), 0, /breaks off in the middle/],
    ['no last line', () => lines.slice(0, -1).join(''), 0, /without its last line/],
    ['fewer entries than it says', () => without(lines.length - 1), 0, /it speaks of \d+ entries, and there are/],
    ['something after the end', () => `${lines.join('')}${line(40)}`, 0, /comes after the last line/],
    ['another first line', () => lines.slice(1).join(''), 1, /not the manifest/],
    ['a filter', () => changed(1, (text) => text.replace('"complete":true', '"complete":false')), 1, /filtered/],
    ['a version of tomorrow', () => changed(1, (text) => text.replace('"version":1', '"version":2')), 1, /version 2/],
    [
      'white space where there was none',
      () => changed(40, (text) => text.replace(',"type"', ', "type"')),
      0,
      /not those that were written/,
    ],
    ['nothing', () => '', 1, /not the manifest/],
    ['a diary', () => 'Dear diary,\n'.repeat(100), 1, /is not a JSON object/],
  ])('is refused for %s, with the line, and leaves nothing behind', async (_, text, number, what) => {
    const at = number === 0 ? /^Line \d+/ : new RegExp(`^Line ${number}:`);
    const error: Error = await make(text()).then(
      () => new Error('it was taken'),
      (reason: Error) => reason,
    );
    expect(error).toMatchObject({ kind: 'invalid', code: 'bad-export' });
    expect(error.message).toMatch(at);
    expect(error.message).toMatch(what);
    expect(readdirSync(directory)).toEqual(['export.ndjson']);
  });

  it('is refused when the end was cut off and the last line made up', async () => {
    const kept = lines.slice(0, -10);
    const { position, entry_hash } = JSON.parse(kept.at(-1)!) as { position: number; entry_hash: string };
    const forged = [...kept, trailerOf(kept, { entries: position, position, entry_hash })].join('');
    await expect(make(forged)).rejects.toMatchObject({
      code: 'bad-export',
      message: expect.stringContaining(`the log stood at ${head().position}, and the export ends at ${position}`),
    });
  });

  it.each(['new.db', 'new.db-wal'])('leaves %s alone that is there already', async (name) => {
    writeFileSync(join(directory, name), 'mine');
    await expect(make(lines.join(''))).rejects.toMatchObject({ kind: 'conflict', code: 'target-exists' });
    expect(readFileSync(join(directory, name), 'utf8')).toBe('mine');
    expect(readdirSync(directory).toSorted()).toEqual(['export.ndjson', name]);
  });

  describe('that is whole', () => {
    let db: Database;
    let whole: string;
    let made: RebuiltFile;
    let source: TestHouse;
    beforeAll(async () => {
      source = openTestHouse();
      await live(source.log, 12, 700);
      await catchUp(source);
      directory = temporaryDirectory();
      whole = join(directory, 'new.db');
      made = await make(exportOf(source.db).join(''));
      db = Database.open({ path: whole });
    });
    afterAll(() => {
      db.close();
      source.close();
    });

    it('is row for row what it was made from: the log, and every table that follows from it', () => {
      const tables = ['audit', ...projectors.flatMap((projector) => projector.tables), 'search_texts'];
      expect(differences(source.db, db, tables)).toEqual([]);
      const { position } = projectionStatus.run(source.db, null)[0]!;
      expect(made).toMatchObject({ file: whole, entries: position });
      expect(projectionStatus.run(db, null)).toEqual(projectionStatus.run(source.db, null));
    });

    it('has its indexes, its constraints and its chain', () => {
      expect(verifySlice.run(db, { from: 1, to: made.entries })).toEqual({ checked: made.entries });
      expect(db.pragma('integrity_check')).toBe('ok');
      expect(db.all({ text: 'PRAGMA foreign_key_check', params: [] })).toEqual([]);
      const schema = { text: `SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name`, params: [] };
      expect(db.all(schema)).toEqual(source.db.all(schema));
      expect(existsSync(`${whole}.part`)).toBe(false);
    });

    it('is served', async () => {
      const server = await startServer({ ABATHUR_DB_PATH: whole });
      const verification = await fetch(`${server.url}/v1/audit/verify`, { method: 'POST' });
      expect(await verification.json()).toMatchObject({ ok: true });
      expect(await server.stop()).toBe(0);
    });
  });

  it('may hold nothing', async () => {
    const empty = openTestHouse();
    expect(await make(exportOf(empty.db).join(''))).toMatchObject({ entries: 0 });
    empty.close();
  });
});
