import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from '@jest/globals';
import { migratedFile } from '../../test/support/audit-logs.js';
import { Database, type Reader } from './database.js';
import { hostReads } from './reader-host.js';
import { sql } from './sql.js';

describe('R-T5 A read on a reader thread', () => {
  it('tells of one moment, whatever is written between its questions', async () => {
    const path = migratedFile();
    const [reader, writer] = [Database.open({ path, readonly: true }), Database.open({ path })];
    const count = (db: Reader): number =>
      db.one<{ count: number }>(sql`SELECT count(*) AS count FROM document_changes`)!.count;
    const note = (file: string): void => {
      writer.run(sql`INSERT INTO document_changes (file_path, noticed_at) VALUES (${file}, '2026-01-01')`);
    };
    const twice = {
      name: 'twice',
      run: (db: Reader) => {
        const before = count(db);
        note(`after ${before}`);
        return [before, count(db)];
      },
    };
    const { port1, port2 } = new MessageChannel();
    hostReads(port1, reader, new Map([[twice.name, twice]]));
    const [here] = (await once(port2, 'message')) as [{ id: number }];
    expect(here.id).toBe(0);
    const answers: unknown[] = [];
    for (const id of [1, 2]) {
      port2.postMessage({ id, read: 'twice', input: null });
      const [reply] = (await once(port2, 'message')) as [{ answer: unknown }];
      answers.push(reply.answer);
    }
    expect(answers).toEqual([
      [0, 0],
      [1, 1],
    ]);
    port1.close();
    reader.close();
    writer.close();
  });
});
