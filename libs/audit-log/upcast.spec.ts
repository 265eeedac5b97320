import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { catalog } from '#assembly';
import { canonicalJson, type EventCatalog, type JsonObject } from '#kernel';
import { memory } from '#memories';
import { sql, type Database } from '#storage';
import { caller, openTestHouse, type TestHouse } from '../../test/support/house.js';
import { GENESIS, seal, type Draft } from './entry.js';
import { decideStep, type Decision } from './transactor.js';
import { upcast } from './upcast.js';
import { auditEvent } from './audit.reads.js';
import { verifySlice } from './chain.js';

/** An event as a program of 2025 stored it, when MemoryWritten was at version 1. */
const stored = JSON.parse(readFileSync('test/fixtures/memory-written.v1.json', 'utf8')) as Omit<Draft, 'data'> & {
  data: JsonObject;
};

describe('An event that an older program wrote', () => {
  let house: TestHouse;
  beforeEach(() => {
    house = openTestHouse();
    writeRaw(house.db, { ...stored, data: canonicalJson(stored.data) });
  });
  afterEach(() => house.close());

  it('is read in the shape of today', async () => {
    const [event] = await house.log.readStream(stored.stream);
    expect(event).toMatchObject({ type: 'MemoryWritten', version: 1, time: stored.timestamp });
    expect(event!.data).toEqual({ ...stored.data, expires_at: '2025-12-01T08:15:00.000Z' });
    expect(await house.log.readAll(0, 10)).toEqual([event]);
  });

  it('is followed in the shape of today', async () => {
    for await (const event of house.log.tail(0, new AbortController().signal)) {
      expect(event.data).toMatchObject({ expires_at: '2025-12-01T08:15:00.000Z' });
      break;
    }
  });

  it('is shown to auditors as it was written, and verifies', () => {
    expect(house.ask(auditEvent, 1)).toMatchObject({ schema_version: 1, data: stored.data });
    expect(house.ask(verifySlice, { from: 1, to: 1 })).toEqual({ checked: 1 });
  });

  it('is projected before the next write is, and decided upon', async () => {
    const address = { namespace: 'user:alice', key: 'coffee' };
    const put = decideStep(memory, { type: 'WriteMemory', mode: 'put', ...address, value: { taste: 'white' } });
    const { results } = await house.log.execute({ caller: caller({ time: '2025-12-01T03:04:05.678Z' }), steps: [put] });
    expect(results[0] as Decision).toMatchObject({ version: 2, position: 2 });
    const rows = house.db.all(
      sql`SELECT id, version, memory_type, created_by, updated_at, expires_at, replaced_at FROM memory_entries ORDER BY id`,
    );
    expect(rows).toMatchObject([
      {
        id: 1,
        version: 1,
        memory_type: 'episodic',
        created_by: 'agent:barista',
        updated_at: '2025-11-30T08:15:00.000Z',
        expires_at: '2025-12-01T08:15:00.000Z',
        replaced_at: 2,
      },
      // What a write leaves out stays as it was: the time to live of version 1 is known.
      {
        id: 2,
        version: 2,
        memory_type: 'episodic',
        created_by: 'agent:barista',
        expires_at: '2025-12-02T03:04:05.678Z',
      },
    ]);
  });
});

describe('Upcasting', () => {
  const tales: EventCatalog = {
    Told: {
      version: 4,
      upcasters: {
        1: (data) => ({ ...data, path: `${data['path'] as string}1` }),
        2: (data, time) => ({ ...data, path: `${data['path'] as string}2`, time }),
        3: (data) => ({ ...data, path: `${data['path'] as string}3` }),
      },
    },
    Gap: { version: 3, upcasters: { 1: (data) => data } },
  };
  const told = (version: number): unknown => upcast(tales, 'Told', version, { path: '' }, 'then')['path'];

  it('goes step by step from the version that was stored', () => {
    expect([1, 2, 3, 4].map(told)).toEqual(['123', '23', '3', '']);
  });

  it('knows when the event happened', () => {
    expect(upcast(tales, 'Told', 2, { path: '' }, 'then')).toEqual({ path: '23', time: 'then' });
  });

  it('leaves what was stored as it is', () => {
    const data = { path: '' };
    upcast(tales, 'Told', 1, data, 'then');
    expect(data).toEqual({ path: '' });
  });

  it('refuses a type that the program does not know', () => {
    expect(() => upcast(tales, 'Unheard', 1, {}, 'then')).toThrow('event of type Unheard');
  });

  it('refuses a version that no step leads on from', () => {
    expect(() => upcast(tales, 'Gap', 1, {}, 'then')).toThrow('Gap has no upcaster from version 2');
  });

  it.each(Object.entries(catalog))('has a step from each older version of %s', (type, { version, upcasters = {} }) => {
    const steps = Object.keys(upcasters).map(Number);
    expect({ type, steps }).toEqual({ type, steps: Array.from({ length: version - 1 }, (_, index) => index + 1) });
  });
});

/** Appends a row as it is, around today's writer. */
function writeRaw(db: Database, draft: Draft): void {
  const entry = seal(draft, GENESIS);
  const columns = Object.keys(entry) as (keyof typeof entry)[];
  db.run({
    text: `INSERT INTO audit (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    params: columns.map((column) => entry[column]),
  });
}
