import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database, sql } from '#storage';
import { Acknowledged } from '../support/acknowledged.js';
import { inspect } from '../support/inspect.js';
import { startOllama, type OllamaDouble } from '../support/ollama-double.js';
import { OnCall } from '../support/on-call.js';

/** Another current row for a key that has one, as only somebody with a shell could make it. */
function addTwin(path: string, namespace: string): void {
  const db = Database.open({ path, synchronous: 'NORMAL' });
  const names = db
    .all<{ name: string }>(sql`SELECT name FROM pragma_table_info('memory_entries')`)
    .map(({ name }) => name);
  const values = names.map((name) => (name === 'id' ? '999999' : name === 'version' ? 'version + 1' : name));
  db.exec(`INSERT INTO memory_entries (${names.join(', ')})
           SELECT ${values.join(', ')} FROM memory_entries WHERE namespace = '${namespace}' LIMIT 1`);
  db.close();
}

describe('R-O3 Runbook 3, memory consolidation conflicts', () => {
  const written = new Acknowledged();
  let onCall: OnCall;
  let ollama: OllamaDouble;
  const of = (namespace: string): Record<string, string> => ({ NAMESPACE: namespace });
  beforeAll(async () => {
    ollama = await startOllama();
    onCall = await OnCall.begin({ page: '03-consolidation-conflicts', environment: { OLLAMA_HOST: ollama.url } });
    const { url } = onCall.server;
    await written.put(url, 'user:anna:food', 'a', { text: 'Anna takes her coffee black.' });
    await written.put(url, 'user:anna:food', 'b', { text: 'anna takes her coffee black' });
    for (const user of ['user:model', 'user:lena']) {
      await written.put(url, `${user}:a`, 'home', { text: 'Lena moved to flat 12 in Bonn.' });
      await written.put(url, `${user}:b`, 'home', { text: 'Lena moved to flat 14 in Bonn.' });
    }
  });
  afterAll(async () => {
    await onCall?.end();
    await ollama?.close();
  });

  it('are listed after the scan, with who said what', async () => {
    const listed = await onCall.follow('First five minutes', of('user:lena'));
    const id = /^(\S+) +open +same_key/m.exec(listed)?.[1];
    expect(id).toBeDefined();
    addTwin(onCall.path, 'user:anna:food');
    await onCall.follow('Diagnosis', of('user:lena'));
    await onCall.follow('The table is wrong');
    await onCall.follow('Merge by hand', { CONFLICT: id! });
    await onCall.follow('Verification', of('user:lena'));
  });

  it('are settled by the newest where that does no harm', async () => {
    await onCall.follow('Let the newest win', of('user:anna'));
    await onCall.follow('Verification', of('user:anna'));
  });

  it('are settled by a model where somebody asks it', async () => {
    ollama.answer = { same: true, reason: 'She moved on.', value: { text: 'Lena lives in flat 14 in Bonn.' } };
    await onCall.follow('Let a model judge', of('user:model'));
    await onCall.follow('Verification', of('user:model'));
    expect(ollama.chats).toHaveLength(1);
  });

  it('lose neither side: what was said can be read as it was', async () => {
    const { events } = inspectAll();
    const said = [...events.values()].filter(({ type }) => type === 'MemoryWritten').map(({ data }) => data);
    for (const text of ['coffee black', 'flat 12', 'flat 14'])
      expect(said.filter((data) => data.includes(text)).length).toBeGreaterThanOrEqual(2);
  });

  it('have left everything in order', async () => {
    expect(onCall.page.unrun).toEqual([]);
    await onCall.stop();
    expect(inspect(onCall.path)).toMatchObject({ integrity: 'ok', holes: [], differences: [] });
  });

  const inspectAll = (): ReturnType<typeof inspect> => inspect(onCall.path);
});
