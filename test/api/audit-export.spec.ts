import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifySlice, type ExportEntry, type ExportManifest, type ExportTrailer } from '#audit-log';
import { canonicalJson } from '#kernel';
import { Database, migrate, readMigrations, sql } from '#storage';
import { live } from '../support/history.js';
import { MIGRATIONS, openTestHouse } from '../support/house.js';
import { expectProblem } from '../support/problem.js';
import { client, startServer, temporaryDirectory, type TestServer } from '../support/server.js';

describe('R-A3 The log as an export', () => {
  let server: TestServer;
  let api: ReturnType<typeof client>;
  beforeAll(async () => {
    const house = openTestHouse();
    await live(house.log, 11, 800);
    const path = join(temporaryDirectory(), 'abathur.db');
    house.db.exec(`VACUUM INTO '${path}'`);
    house.close();
    server = await startServer({ ABATHUR_DB_PATH: path, ABATHUR_BACKGROUND: 'off' });
    api = client(server);
  });
  afterAll(() => server.stop());

  interface Export {
    lines: string[];
    manifest: ExportManifest['manifest'];
    entries: ExportEntry[];
    trailer: ExportTrailer['trailer'];
  }

  const exported = async (query: Record<string, string> = {}): Promise<Export> => {
    const answer = await fetch(`${server.url}/v1/audit/export?${new URLSearchParams(query)}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    const lines = (await answer.text()).split('\n').slice(0, -1);
    const [first, ...rest] = lines.map((line) => JSON.parse(line) as object);
    const last = rest.pop();
    return {
      lines,
      manifest: (first as ExportManifest).manifest,
      entries: rest as ExportEntry[],
      trailer: (last as ExportTrailer).trailer,
    };
  };

  it('tells first what it holds, and last that nothing is missing', async () => {
    const { body: head } = await api.get('/v1/audit/head');
    const { lines, manifest, entries, trailer } = await exported();
    expect(manifest).toEqual({ format: 'abathur-audit', version: 1, complete: true, filter: {}, head });
    expect(entries.map(({ position }) => position)).toEqual(Array.from({ length: head.position }, (_, n) => n + 1));
    const before = lines.slice(0, -1).map((line) => `${line}\n`);
    expect(trailer).toEqual({
      entries: head.position,
      position: head.position,
      entry_hash: head.entry_hash,
      sha256: createHash('sha256').update(before.join('')).digest('hex'),
    });
  });

  it('is enough to make the log again, byte for byte: its chain holds', async () => {
    const { entries, trailer } = await exported();
    const db = Database.open({ path: ':memory:' });
    migrate(db, readMigrations(MIGRATIONS));
    const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
    for (const entry of entries) {
      db.run(
        sql`INSERT INTO audit (position, event_id, stream, stream_version, type, schema_version, timestamp, actor,
              agent_id, task_id, session_id, memory_operation, memory_namespace, memory_entry_id, correlation_id,
              causation_id, data, salt, envelope_commitment, data_commitment, leaf_hash, entry_hash)
            VALUES (${entry.position}, ${entry.event_id}, ${entry.stream}, ${entry.stream_version}, ${entry.type},
              ${entry.schema_version}, ${entry.time}, ${entry.actor}, ${entry.agent_id}, ${entry.task_id},
              ${entry.session_id}, ${entry.memory_operation}, ${entry.memory_namespace}, ${entry.memory_entry_id},
              ${entry.correlation_id}, ${entry.causation_id}, ${canonicalJson(entry.data)}, ${bytes(entry.salt!)},
              ${bytes(entry.envelope_commitment)}, ${bytes(entry.data_commitment)}, ${bytes(entry.leaf_hash)},
              ${bytes(entry.entry_hash)})`,
      );
    }
    expect(verifySlice.run(db, { from: 1, to: trailer.position })).toEqual({ checked: trailer.entries });
    db.close();
  });

  it('holds what a filter lets through, and says that it is a part', async () => {
    const { body } = await api.get('/v1/audit/events').query({ namespace_prefix: 'user:alice', limit: 1000 });
    const expected = (body.items as { position: number }[]).map(({ position }) => position);
    const { manifest, entries, trailer } = await exported({ namespace_prefix: 'user:alice' });
    expect(entries.map(({ position }) => position)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(20);
    expect(manifest).toMatchObject({ complete: false, filter: { namespace_prefix: 'user:alice' } });
    expect(trailer).toMatchObject({ entries: expected.length, position: expected.at(-1) });
    const { entries: later, manifest: part } = await exported({
      after: String(expected.at(-2)),
      type: 'MemoryWritten',
    });
    expect(part).toMatchObject({ complete: false, filter: { after: expected.at(-2), type: 'MemoryWritten' } });
    expect(later.every(({ position, type }) => position > expected.at(-2)! && type === 'MemoryWritten')).toBe(true);
  });

  it('of nothing is a manifest and a trailer', async () => {
    const { lines, trailer } = await exported({ correlation_id: 'nobody' });
    expect(lines).toHaveLength(2);
    expect(trailer).toMatchObject({ entries: 0, position: 0, entry_hash: '0'.repeat(64) });
  });

  it('R-A3 refuses what it does not know: a position beyond the head, times the wrong way round, an order', async () => {
    expectProblem(await api.get('/v1/audit/export?after=999999'), 400, { field: 'after' });
    expectProblem(await api.get('/v1/audit/events?after=999999'), 400, { field: 'after' });
    expectProblem(await api.get('/v1/audit/export?order=desc'), 400, { field: 'order' });
    expectProblem(await api.get('/v1/audit/export?from=2026-02-01&to=2026-01-01'), 400, { field: 'from' });
    expectProblem(await api.get('/v1/audit/export?namespace_prefix=user::x'), 400, { field: 'namespace_prefix' });
  });
});
