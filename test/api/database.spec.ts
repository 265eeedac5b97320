import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '#storage';
import { startServer, type TestServer } from '../support/server.js';

interface Report {
  tables: { name: string; readable: boolean }[];
  indexes: string[];
  missing: string[];
  plans: { question: string; indexes: string[]; scans: string[] }[];
}

describe('R-O5 GET /v1/admin/database', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
  });
  afterAll(() => server.stop());

  const report = async (): Promise<Report> => (await (await fetch(`${server.url}/v1/admin/database`)).json()) as Report;

  it('tells that everything is there, and that every question of every day is answered by an index', async () => {
    const { tables, indexes, missing, plans } = await report();
    expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(['audit', 'sessions', 'memory_entries']));
    expect(tables.filter(({ readable }) => !readable)).toEqual([]);
    expect(indexes).toContain('idx_memory_namespace_prefix');
    expect(missing).toEqual([]);
    expect(plans.filter((plan) => plan.indexes.length === 0 || plan.scans.length > 0)).toEqual([]);
  });

  it('tells what is missing, and which question reads a table from end to end without it', async () => {
    const db = Database.open({ path: server.path });
    const dropped = ['app_user', 'project', 'status_updated', 'updated', 'user_created'].map(
      (name) => `idx_sessions_${name}`,
    );
    for (const name of dropped) db.exec(`DROP INDEX ${name}`);
    db.close();
    const { missing, plans } = await report();
    expect(missing).toEqual(dropped);
    expect(plans.filter(({ scans }) => scans.length > 0)).toEqual([
      expect.objectContaining({ question: 'sessions.page', scans: ['sessions'] }),
    ]);
  });
});
