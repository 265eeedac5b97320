import { afterAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { streamName } from '#kernel';
import { Database, sql } from '#storage';
import { streamPart } from './stream-part.js';

describe('A part of a stream name in SQL', () => {
  const db = Database.open({ path: ':memory:', purpose: 'scratch' });
  afterAll(() => db.close());

  it('is encoded as everywhere else', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('\0')),
        (id) => {
          const { stream } = db.one<{ stream: string }>(
            sql`SELECT 'task:' || ${streamPart('id')} AS stream FROM (SELECT ${id} AS id)`,
          )!;
          expect(stream).toBe(streamName('task', id));
        },
      ),
    );
  });
});
