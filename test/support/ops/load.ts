import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ended } from '../operations.js';

/** How often each thing was done, to be held against what is measured. */
export interface Done {
  sessions: number;
  creates: number;
  updates: number;
  deletes: number;
  lists: number;
  searches: number;
  clicks: number;
  refused: number;
  syncs: number;
  consolidations: number;
  backups: number;
}

/** A client that does a little of everything, and counts it. */
export class SmallLoad {
  readonly done: Done = {
    sessions: 0,
    creates: 0,
    updates: 0,
    deletes: 0,
    lists: 0,
    searches: 0,
    clicks: 0,
    refused: 0,
    syncs: 0,
    consolidations: 0,
    backups: 0,
  };
  private turns = 0;

  constructor(
    readonly url: string,
    /** A directory that the server watches. */
    private readonly documents: string,
  ) {
    mkdirSync(documents, { recursive: true });
  }

  /** Some requests of each kind, one after the other. */
  async turn(): Promise<void> {
    const n = (this.turns += 1);
    const session_id = `load-${n}`;
    await this.post('/v1/sessions', { session_id, app_name: 'load', user_id: `user-${n % 3}` });
    this.done.sessions += 1;
    const said = { event_type: 'message', actor: 'user', content: { text: `I take tea number ${n}` } };
    await this.post(`/v1/sessions/${session_id}/events`, said);
    const address = `/v1/memories/user:user-${n % 3}/tea-${n}`;
    const memory = (text: string): object => ({ value: { text }, memory_type: 'semantic' });
    await this.ask('PUT', address, memory(`Tea number ${n} is green`));
    this.done.creates += 1;
    await this.ask('PUT', address, memory(`Tea number ${n} is black`));
    this.done.updates += 1;
    await this.post('/v1/memories', {
      namespace: 'project:load',
      key: `same-${n}`,
      ...memory(`Everybody likes tea ${n % 2}`),
    });
    this.done.creates += 1;
    if (n % 2 === 0) {
      await this.ask('DELETE', address);
      this.done.deletes += 1;
    }
    await this.ask('GET', '/v1/memories?namespace_prefix=user');
    this.done.lists += 1;
    for (const mode of ['hybrid', 'semantic', 'keyword']) await this.search(mode, n);
    await this.post('/v1/documents/search', { query: 'tea' });
    await this.post('/v1/context', { session_id, query: 'tea', token_budget: 1000 });
    await this.ask('GET', `/v1/memories/user:nobody/nothing-${n}`, undefined, 404);
    this.done.refused += 1;
  }

  /** What takes longer and is done now and then: a sync, a consolidation, a backup, a check. */
  async chores(): Promise<void> {
    writeFileSync(join(this.documents, `tea-${this.turns}.md`), `# Tea ${this.turns}\n\nHow tea is made.\n`);
    await this.operation('/v1/documents/sync');
    this.done.syncs += 1;
    await this.operation('/v1/memories/consolidate', { namespace_prefix: 'project:load', strategy: 'merge' });
    this.done.consolidations += 1;
    await this.operation('/v1/admin/backups');
    this.done.backups += 1;
    await this.operation('/v1/admin/integrity');
  }

  private async search(mode: string, n: number): Promise<void> {
    const found = (await this.post('/v1/memories/search', { query: `tea number ${n}`, mode })) as {
      search_id: string;
      results: { id: number }[];
    };
    this.done.searches += 1;
    const [best] = found.results;
    if (best === undefined) return;
    for (const signal of ['click', n % 2 === 0 ? 'helpful' : 'not_helpful'])
      await this.post(`/v1/search/${found.search_id}/feedback`, { result_id: best.id, signal });
    this.done.clicks += 1;
  }

  private async operation(path: string, body?: object): Promise<void> {
    const { id } = (await this.post(path, body)) as { id: string };
    const { status, error } = await ended(this, id);
    if (status !== 'succeeded') throw new Error(`${path} ${status}: ${error}`);
  }

  private post(path: string, body?: object): Promise<unknown> {
    return this.ask('POST', path, body);
  }

  private async ask(method: string, path: string, body?: object, expected?: number): Promise<unknown> {
    const headers = body && { 'content-type': 'application/json' };
    const answer = await fetch(`${this.url}${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (expected === undefined ? !answer.ok : answer.status !== expected)
      throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}
