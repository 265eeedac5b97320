import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import {
  ConsistencyQuery,
  ExportAuditQuery,
  FeedQuery,
  ListAuditEventsQuery,
  VerifyBody,
} from '../../apps/api/audit.dto.js';
import { DiffQuery, RevertBody } from '../../apps/api/auditors.dto.js';
import * as agentDtos from '../../apps/api/agents.dto.js';
import * as consolidationDtos from '../../apps/api/consolidation.dto.js';
import * as contextDtos from '../../apps/api/context.dto.js';
import * as documentDtos from '../../apps/api/documents.dto.js';
import * as learningDtos from '../../apps/api/learning.dto.js';
import * as memoryDtos from '../../apps/api/memories.dto.js';
import { SearchMemoriesBody } from '../../apps/api/memories-search.dto.js';
import { ListNamespacesQuery } from '../../apps/api/namespaces.dto.js';
import { CreateKeyBody, ListKeysQuery } from '../../apps/api/keys.dto.js';
import { ConfigureJobBody, RunJobBody } from '../../apps/api/jobs.dto.js';
import { ListQuarantinesQuery, QuarantineBody } from '../../apps/api/quarantines.dto.js';
import { EraseBody } from '../../apps/api/erasures.dto.js';
import { ListOperationsQuery } from '../../apps/api/operations.dto.js';
import { RebuildBody } from '../../apps/api/projections.dto.js';
import { FeedbackBody } from '../../apps/api/search.dto.js';
import * as sessionDtos from '../../apps/api/sessions.dto.js';
import * as taskDtos from '../../apps/api/tasks.dto.js';
import { ended } from '../support/operations.js';
import { operationsOf, pointer, Promises, type ApiDocument, type Operation, type Schema } from '../support/openapi.js';
import { expectProblem } from '../support/problem.js';
import { startServer, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

describe('The OpenAPI document', () => {
  let server: TestServer;
  let document: ApiDocument;
  let promises: Promises;
  const covered = { success: new Set<string>(), error: new Set<string>() };

  beforeAll(async () => {
    server = await startServer({ ABATHUR_BACKGROUND: 'off' });
    document = (await (await fetch(`${server.url}/openapi.json`)).json()) as ApiDocument;
    promises = new Promises(document);
  });
  afterAll(() => server.stop());

  const operations = (): Operation[] => operationsOf(document);

  /** The operation that a request is for: the one whose path has the fewest parameters. */
  const operationOf = (method: string, url: string) => {
    const [path] = url.split('?');
    const matching = operations().filter(
      (one) =>
        one.method === method.toLowerCase() &&
        new RegExp(`^${one.path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`).test(path!),
    );
    const [best] = matching.toSorted((a, b) => a.path.split('{').length - b.path.split('{').length);
    if (best === undefined) throw new Error(`The document has no ${method} ${path}`);
    return best;
  };

  interface Exchange {
    status: number;
    body: never;
    headers: Headers;
  }

  /** Asks, and holds the answer against what the document promises for its status. */
  async function ask(
    method: string,
    url: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Exchange> {
    const operation = operationOf(method, url);
    const abort = new AbortController();
    const answer = await fetch(`${server.url}${url}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined || typeof body === 'string' ? (body as undefined) : JSON.stringify(body),
      signal: abort.signal,
    });
    const { status } = answer;
    (status < 400 ? covered.success : covered.error).add(operation.name);
    const type = answer.headers.get('content-type');
    // An answer without an end is not read to its end.
    const endless = type === 'text/event-stream';
    const text = endless ? '' : await answer.text();
    if (endless) abort.abort();
    const broken = promises.brokenBy(operation, { status, type, text });
    if (broken !== undefined) throw new Error(broken);
    const isJson = type?.includes('json') === true && !type.includes('ndjson');
    return { status, body: (isJson && text !== '' ? JSON.parse(text) : text) as never, headers: answer.headers };
  }

  it('R-O8 is what it says: OpenAPI 3.1, every part in its place', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({
      title: expect.any(String),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
    // Whoever tries routes out where keys are asked for can give theirs; where none are, none is needed.
    expect(document.components.securitySchemes).toMatchObject({ key: { type: 'http', scheme: 'bearer' } });
    expect(document.security).toEqual([{ key: [] }, { key_header: [] }, {}]);
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name, path, method, operation } of operations()) {
      expect(path).toMatch(/^\//);
      expect(['get', 'post', 'put', 'delete']).toContain(method);
      expect({ name, summary: operation.summary }).toEqual({
        name,
        summary: expect.stringMatching(/^[A-Z][^`\n]*\.$/),
      });
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(declared.map((parameter) => parameter.name).toSorted()).toEqual(inPath.toSorted());
      expect(declared.every(({ required }) => required === true)).toBe(true);
      for (const parameter of operation.parameters ?? []) expect(parameter.schema).toBeDefined();
      expect(Object.keys(operation.responses).some((status) => /^2\d\d$/.test(status))).toBe(true);
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^([1-5]\d\d|default)$/);
        expect(typeof response.description).toBe('string');
      }
    }
  });

  it('R-O8 refers to nothing that it does not hold, and holds nothing that nobody refers to', () => {
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name!);
    const names = Object.keys(document.components.schemas);
    expect([...new Set(references)].filter((name) => !names.includes(name))).toEqual([]);
    expect(names.filter((name) => !references.includes(name))).toEqual([]);
  });

  it('R-O8 holds schemas of JSON Schema 2020-12, without the words of OpenAPI 3.0', () => {
    expect(JSON.stringify(document)).not.toMatch(/"nullable":|"exclusiveM(in|ax)imum":(true|false)/);
    for (const name of Object.keys(document.components.schemas)) {
      expect(promises.ajv.compile({ $ref: `api#${pointer('components', 'schemas', name)}` })).toBeDefined();
    }
  });

  it('R-O8 describes every answer of sessions', async () => {
    const s = '/v1/sessions';
    const event = { event_type: 'message', actor: 'user', content: {} };
    const session = { session_id: 'doc', app_name: 'a', user_id: 'u', project_id: 'p', initial_state: { a: 1 } };
    await ask('POST', s, session);
    await ask('POST', s, session);
    await ask('POST', s, {});
    await ask('POST', `${s}/doc/events`, { ...event, event_id: 'e1', state_delta: { b: null } });
    await ask('POST', `${s}/doc/events`, { ...event, event_id: 'e1', state_delta: { b: null } });
    await ask('POST', `${s}/doc/events`, event);
    await ask('POST', `${s}/none/events`, event);
    await ask('POST', `${s}/doc/events`, event, { 'if-match': '"99"' });
    await ask('POST', `${s}/doc/events/batch`, { events: [{ ...event, event_id: 'e2' }] });
    await ask('POST', `${s}/doc/events/batch`, { events: [{ ...event, event_id: 'e2' }] });
    await ask('POST', `${s}/doc/events/batch`, { events: [] });
    await ask('GET', `${s}/doc/events?limit=1`);
    await ask('GET', `${s}/none/events`);
    const { headers } = await ask('GET', `${s}/doc`);
    expect((await ask('GET', `${s}/doc`, undefined, { 'if-none-match': headers.get('etag')! })).status).toBe(304);
    await ask('GET', `${s}/none`);
    await ask('GET', `${s}?limit=1`);
    await ask('GET', `${s}?limit=0`);
    await ask('PUT', `${s}/doc/state/c`, { value: { x: 1 } });
    await ask('PUT', `${s}/none/state/c`, { value: 1 });
    await ask('GET', `${s}/doc/state`);
    await ask('GET', `${s}/none/state`);
    await ask('GET', `${s}/doc/state/b`);
    await ask('GET', `${s}/doc/state/none`);
    await ask('POST', `${s}/doc/fork`);
    await ask('POST', `${s}/doc/fork`, { at_version: 1, session_id: 'doc-fork' });
    await ask('POST', `${s}/doc/fork`, { at_version: 99 });
    await ask('PUT', `${s}/doc/status`, { status: 'terminated' });
    await ask('PUT', `${s}/doc/status`, { status: 'active' });
    await ask('POST', `${s}/doc/events`, event);
    await ask('DELETE', `${s}/doc`);
    await ask('DELETE', `${s}/doc`);
  });

  it('R-O8 describes every answer of memories', async () => {
    const m = '/v1/memories';
    const at = `${m}/user:doc/k`;
    await ask('POST', m, { namespace: 'user:doc', key: 'added', value: {}, memory_type: 'episodic' });
    await ask('POST', m, { namespace: 'user:doc', key: 'added', value: {} });
    expect((await ask('PUT', at, { value: { n: 1 } })).status).toBe(201);
    expect((await ask('PUT', at, { value: { n: 2 }, metadata: { a: [] } })).status).toBe(200);
    await ask('PUT', at, { value: 7 });
    const { headers } = await ask('GET', at);
    expect((await ask('GET', at, undefined, { 'if-none-match': headers.get('etag')! })).status).toBe(304);
    await ask('GET', `${m}/user:doc/none`);
    await ask('GET', `${at}/history?limit=1`);
    await ask('GET', `${m}/user:doc/none/history`);
    await ask('GET', `${at}/diff?from=1&to=2`);
    await ask('GET', `${at}/diff?from=1&to=9`);
    await ask('GET', `${m}?limit=1`);
    await ask('GET', `${m}?colour=red`);
    const operation = { namespace: 'user:doc', key: 'k' };
    await ask('POST', `${m}/batch`, { operations: [{ op: 'get', ...operation }, { op: 'list_namespaces' }] });
    await ask('POST', `${m}/batch`, { operations: [{ op: 'add', ...operation, value: {} }] });
    await ask('PUT', `${m}/session:doc/k`, { value: { n: 1 } });
    await ask('POST', `${m}/publish`, { from_namespace: 'session:doc', to_namespace: 'project:doc', key: 'k' });
    await ask('POST', `${m}/publish`, { from_namespace: 'session:none', to_namespace: 'project:doc', key: 'k' });
    await ask('GET', `${m}/project:doc/k`);
    await ask('GET', `${m}/export?namespace_prefix=user:doc`);
    await ask('GET', `${m}/export?namespace_prefix=:`);
    const line = JSON.stringify({ namespace: 'user:doc', key: 'imported', value: {} });
    await ask('POST', `${m}/import`, line, { 'content-type': 'application/x-ndjson' });
    await ask('POST', `${m}/import`, '{}', { 'content-type': 'application/x-ndjson' });
    await ask('DELETE', at);
    await ask('DELETE', at);
    await ask('POST', `${at}/restore`);
    await ask('POST', `${at}/restore`, { version: 1 });
    await ask('POST', `${at}/restore`, { version: 99 });
    await ask('GET', '/v1/namespaces?limit=1');
    await ask('GET', '/v1/namespaces?limit=0');
  });

  it('R-O8 describes every answer of the integrity check', async () => {
    await ask('GET', '/v1/admin/integrity');
    expect((await ask('POST', '/v1/admin/integrity')).status).toBe(202);
    await ask('GET', '/v1/admin/integrity?colour=red');
    await ask('POST', '/v1/admin/integrity?colour=red');
  });

  it('R-O8 describes the report on the database', async () => {
    await ask('GET', '/v1/admin/database');
    await ask('GET', '/v1/admin/database?colour=red');
  });

  it('R-O8 describes every answer of consolidation', async () => {
    const m = '/v1/memories';
    await ask('PUT', `${m}/user:twice:a/k`, { value: { text: 'one' } });
    await ask('PUT', `${m}/user:twice:b/k`, { value: { text: 'two' } });
    const { body } = await ask('POST', `${m}/consolidate`, { namespace_prefix: 'user:twice', strategy: 'manual' });
    await ask('POST', `${m}/consolidate`, { namespace_prefix: 'user:twice', strategy: 'guess' });
    const operation = `/v1/operations/${(body as { id: string }).id}`;
    await until('the conflicts are found', async () => {
      const { status } = (await ask('GET', operation)).body as { status: string };
      return status === 'succeeded';
    });
    const page = await ask('GET', `${m}/conflicts?namespace_prefix=user:twice&status=open&limit=1`);
    await ask('GET', `${m}/conflicts?status=lost`);
    const [{ id }] = (page.body as { items: { id: string }[] }).items as [{ id: string }];
    await ask('GET', `${m}/conflicts/${id}`);
    await ask('GET', `${m}/conflicts/none`);
    await ask('POST', `${m}/conflicts/${id}/resolve`, { strategy: 'manual' });
    await ask('POST', `${m}/conflicts/${id}/resolve`, { strategy: 'merge' });
    await ask('GET', `${m}?namespace_prefix=user:twice&include_superseded=true`);
    await ask('GET', `${m}/conflicts?namespace_prefix=user:twice`);
    await ask('POST', `${m}/summarise`);
    await ask('POST', `${m}/summarise`, { older_than_days: 0 });
    await ask('POST', `${m}/archive`, { namespace_prefix: 'user:none', dry_run: true });
    await ask('POST', `${m}/archive`, { older_than_days: 0 });
    await ask('POST', `${m}/user:twice:b/k/archive`);
    await ask('POST', `${m}/user:twice:b/none/archive`);
  });

  it('R-O8 describes every answer of searches', async () => {
    const m = '/v1/memories';
    await ask('PUT', `${m}/user:doc/sought`, { value: { text: 'Coffee in the morning' } });
    const { body } = await ask('POST', `${m}/search`, { query: 'coffee', explain: true });
    const { search_id, results } = body as { search_id: string; results: { id: number }[] };
    await ask('POST', `${m}/search`, { query: '' });
    await ask('POST', `${m}/batch`, { operations: [{ op: 'search', query: 'coffee' }] });
    const feedback = `/v1/search/${search_id}/feedback`;
    await ask('POST', feedback, { result_id: results[0]!.id, signal: 'click' });
    await ask('POST', feedback, { result_id: 99, signal: 'click' });
    await ask('GET', '/v1/search/status');
    await ask('GET', '/v1/search/status?x=1');
    await ask('POST', '/v1/search/retry');
    await ask('POST', '/v1/search/retry?x=1');
  });

  it('R-O8 describes every answer of backups', async () => {
    const b = '/v1/admin/backups';
    const { status, body } = await ask('POST', b);
    expect(status).toBe(202);
    expect((await ask('POST', b)).status).toBe(409);
    const { id } = body as { id: string };
    const stands = async () => (await ask('GET', `/v1/operations/${id}`)).body as { status: string; result: object };
    while ((await stands()).status === 'running') await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await stands()).toMatchObject({ status: 'succeeded', result: { position: expect.any(Number) } });
    const { items } = (await ask('GET', b)).body as { items: object[] };
    expect(items).toHaveLength(1);
    await ask('GET', `${b}?x=1`);
  });

  it('R-O8 describes every answer of documents', async () => {
    const d = '/v1/documents';
    const created = await ask('PUT', d, { file_path: 'doc/a.md', content: '# A', metadata: { a: 1 } });
    expect(created.status).toBe(201);
    const { id } = created.body as { id: number };
    expect((await ask('PUT', d, { file_path: 'doc/a.md', content: '# B' })).status).toBe(200);
    await ask('PUT', d, { file_path: 'doc/a.md' });
    await ask('PUT', d, { file_path: 'doc/a.md', content: '# C' }, { 'if-match': '"7"' });
    const { headers } = await ask('GET', `${d}/${id}`);
    expect((await ask('GET', `${d}/${id}`, undefined, { 'if-none-match': headers.get('etag')! })).status).toBe(304);
    await ask('GET', `${d}/0`);
    await ask('GET', `${d}?limit=1`);
    await ask('GET', `${d}?limit=0`);
    await ask('POST', `${d}/search`, { query: 'b', explain: true });
    await ask('POST', `${d}/search`, { query: ' ' });
    const { body } = await ask('POST', `${d}/sync`);
    await ask('POST', `${d}/sync`, { directory: '/etc' });
    await ask('GET', `/v1/operations/${(body as { id: string }).id}`);
    await ask('GET', '/v1/operations/none');
    await ask('GET', '/v1/operations?kind=documents.sync&limit=1');
    await ask('GET', '/v1/operations?status=queued');
    await ask('DELETE', `${d}/${id}`);
    await ask('DELETE', `${d}/${id}`);
  });

  it('R-O8 describes every answer of jobs and of expiry', async () => {
    const j = '/v1/admin/jobs';
    await ask('GET', j);
    await ask('GET', `${j}?x=1`);
    await ask('PUT', `${j}/expire-memories`, { enabled: false });
    await ask('PUT', `${j}/expire-memories`, {});
    await ask('POST', `${j}/expire-memories/run`);
    await ask('POST', `${j}/none/run`);
    await ask('GET', j);
    await ask('POST', '/v1/memories/expire', { memory_type: 'episodic', older_than_days: 30 });
    await ask('POST', '/v1/memories/expire', { memory_type: 'semantic', older_than_days: 30 });
  });

  it('R-O8 describes every answer of keys', async () => {
    const k = '/v1/admin/keys';
    const made = await ask('POST', k, { name: 'n', role: 'agent', app: 'a', users: ['u'], projects: { p: 'read' } });
    const { id } = made.body as { id: string };
    await ask('POST', k, { name: 'n', role: 'auditor', expires_at: 'never' });
    await ask('POST', k, { name: 'n', role: 'agent' });
    await ask('POST', k, { name: 'n', role: 'auditor', expires_at: '2000-01-01T00:00:00Z' });
    await ask('GET', `${k}?limit=1`);
    await ask('GET', `${k}?limit=0`);
    await ask('GET', `${k}/${id}`);
    await ask('GET', `${k}/none`);
    await ask('POST', `${k}/${id}/rotate`);
    await ask('POST', `${k}/none/rotate`);
    await ask('DELETE', `${k}/${id}`);
    await ask('POST', `${k}/${id}/rotate`);
    await ask('DELETE', `${k}/none`);
  });

  it('R-O8 describes every answer of tasks', async () => {
    const t = '/v1/tasks';
    expect((await ask('POST', `${t}/claim`, { agent_id: 'a' })).status).toBe(204);
    await ask('POST', t, { task_id: 'doc', prompt: 'p', input_data: { a: 1 } });
    await ask('POST', t, { task_id: 'doc', prompt: 'p' });
    await ask('POST', t, { task_id: 'doc-2', prompt: 'p', dependencies: ['doc'], parent_task_id: 'doc' });
    await ask('POST', `${t}/claim`, { agent_id: 'a' });
    await ask('POST', `${t}/claim`, {});
    const { headers } = await ask('GET', `${t}/doc`);
    expect((await ask('GET', `${t}/doc`, undefined, { 'if-none-match': headers.get('etag')! })).status).toBe(304);
    await ask('GET', `${t}/none`);
    await ask('GET', `${t}?limit=1`);
    await ask('GET', `${t}?limit=0`);
    await ask('PUT', `${t}/doc/state/k`, { value: [1] });
    await ask('PUT', `${t}/none/state/k`, { value: 1 });
    await ask('GET', `${t}/doc/state/k`);
    await ask('GET', `${t}/doc/state/none`);
    await ask('GET', `${t}/doc/state`);
    await ask('GET', `${t}/none/state`);
    const checkpoint = `${t}/doc/checkpoints/1`;
    expect((await ask('PUT', checkpoint, { state: { n: 1 } })).status).toBe(201);
    expect((await ask('PUT', checkpoint, { state: { n: 2 } })).status).toBe(200);
    await ask('PUT', `${t}/doc/checkpoints/x`, { state: {} });
    await ask('GET', checkpoint);
    await ask('GET', `${t}/doc/checkpoints/2`);
    await ask('GET', `${t}/doc/checkpoints`);
    await ask('GET', `${t}/none/checkpoints`);
    await ask('PUT', `${t}/doc/status`, { status: 'completed', result_data: { done: true } });
    await ask('PUT', `${t}/doc/status`, { status: 'running' });
  });

  it('R-O8 describes every answer of learning', async () => {
    const at = '/v1/memories/app:doc/brew';
    await ask('PUT', at, { value: { steps: [] }, memory_type: 'procedural' });
    const episodes = [{ namespace: 'app:doc', key: 'brew' }];
    await ask('POST', `${at}/refine`, { value: { steps: ['boil'] }, episodes });
    await ask('POST', `${at}/refine`, { value: {}, episodes: [{ namespace: 'app:doc', key: 'none' }] });
    const procedure = { namespace: 'app:doc', key: 'brew', version: 2 };
    for (const status of ['completed', 'failed'] as const) {
      const task_id = `brew-${status}`;
      await ask('POST', '/v1/tasks', { task_id, prompt: 'p', procedure, max_retries: 0 });
      await ask('PUT', `/v1/tasks/${task_id}/status`, { status: 'running' });
      await ask('PUT', `/v1/tasks/${task_id}/status`, { status });
    }
    await ask('GET', `${at}/outcomes`);
    await ask('GET', '/v1/memories/app:doc/none/outcomes');
    await ask('POST', `${at}/rollback`);
    await ask('POST', `${at}/rollback`, { dry_run: true, min_outcomes: 1 });
    await ask('POST', `${at}/rollback`, { min_outcomes: 0 });
  });

  it('R-O8 describes every answer of agents', async () => {
    const a = '/v1/agents';
    await ask('POST', a, { agent_id: 'doc', name: 'Ada', resource_usage: { tokens: 1 } });
    await ask('POST', a, { agent_id: 'doc', name: 'Ada' });
    const { headers } = await ask('GET', `${a}/doc`);
    expect((await ask('GET', `${a}/doc`, undefined, { 'if-none-match': headers.get('etag')! })).status).toBe(304);
    await ask('GET', `${a}/none`);
    await ask('GET', `${a}?limit=1`);
    await ask('GET', `${a}?state=asleep`);
    await ask('PUT', `${a}/doc/state`, { state: 'terminated' });
    await ask('PUT', `${a}/doc/state`, { state: 'idle' });
  });

  it('R-O8 describes every answer of quarantines', async () => {
    const q = '/v1/admin/quarantines';
    await ask('PUT', '/v1/memories/user:shady/k', { value: { n: 1 } }, { 'x-correlation-id': 'shady' });
    const { body } = await ask('POST', q, { correlation_id: 'shady', to: '2999-01-01T00:00:00Z', reason: 'r' });
    const { id } = body as { id: string };
    await ask('POST', q, { reason: 'r' });
    expect((await ask('GET', '/v1/memories/user:shady/k')).status).toBe(404);
    await ask('GET', '/v1/memories/user:shady/k?include_quarantined=true');
    await ask('GET', `${q}?standing=true&limit=1`);
    await ask('GET', `${q}?standing=maybe`);
    for (const path of ['', '/contexts']) {
      await ask('GET', `${q}/${id}${path}`);
      await ask('GET', `${q}/none${path}`);
    }
    await ask('DELETE', `${q}/${id}`);
    await ask('DELETE', `${q}/none`);
  });

  it('R-O8 describes every answer of erasures', async () => {
    const e = '/v1/admin/erasures';
    await ask('PUT', '/v1/memories/user:gone/k', { value: { n: 1 } });
    const subject = { user_id: 'gone', reason: 'Request 7' };
    await ask('POST', e, { ...subject, dry_run: true });
    await ask('POST', e, { ...subject, user_id: 'none' });
    const { body, status } = await ask('POST', e, subject);
    expect(status).toBe(202);
    const { operation, erasure } = body as { operation: { id: string }; erasure: { id: string } };
    expect(await ended(server, operation.id)).toMatchObject({ status: 'succeeded' });
    await ask('POST', e, subject);
    await ask('GET', `${e}?limit=1`);
    await ask('GET', `${e}?limit=0`);
    await ask('GET', `${e}/${erasure.id}`);
    await ask('GET', `${e}/none`);
    await ask('GET', `${e}/${erasure.id}/certificate`);
    await ask('GET', `${e}/none/certificate`);
  });

  it('R-O8 describes every answer of contexts', async () => {
    const c = '/v1/context';
    await ask('POST', '/v1/sessions', { session_id: 'ctx', app_name: 'a', user_id: 'u', initial_state: { a: 1 } });
    const tone = { value: { text: 'be brief' } };
    await ask('PUT', '/v1/memories/user:u/tone', tone);
    await ask('PUT', '/v1/memories/app:a/tone', tone);
    await ask('PUT', '/v1/memories/app:a/how', { ...tone, memory_type: 'procedural' });
    await ask('PUT', '/v1/memories/user:u/when', { ...tone, memory_type: 'episodic' });
    await ask('POST', c, { session_id: 'ctx', record: false, token_budget: 100 });
    const { body } = await ask('POST', c, { session_id: 'ctx', query: 'brief' });
    await ask('POST', '/v1/tasks', { task_id: 'ctx', prompt: 'p' });
    await ask('PUT', '/v1/tasks/ctx/checkpoints/1', { state: {} });
    await ask('PUT', '/v1/tasks/ctx/state/k', { value: 1 });
    await ask('POST', c, { session_id: 'ctx', task_id: 'ctx' });
    await ask('POST', c, { session_id: 'none' });
    await ask('PUT', '/v1/memories/user:u/tone', { value: { text: 'be long' } });
    await ask('GET', `${c}/${(body as { id: string }).id}`);
    await ask('GET', `${c}/none`);
    await ask('GET', `${c}?session_id=ctx&limit=1`);
    await ask('GET', `${c}?limit=0`);
  });

  it('R-O8 describes every answer of the audit log and of health', async () => {
    await ask('GET', '/v1/audit/events?limit=2');
    await ask('GET', '/v1/audit/events?limit=1000');
    await ask('GET', '/v1/audit/events?order=up');
    await ask('GET', '/v1/audit/export?type=MemoryWritten');
    await ask('GET', '/v1/audit/export?after=99999999');
    await ask('GET', '/v1/audit/events/1');
    await ask('GET', '/v1/audit/events/0');
    const { body: first } = await ask('GET', '/v1/audit/events?type=MemoryWritten&limit=1');
    const [{ position, correlation_id }] = (first as { items: { position: number; correlation_id: string }[] })
      .items as [never];
    await ask('GET', `/v1/diff?from=0&to=${position}`);
    await ask('GET', '/v1/diff?from=2&to=1');
    await ask('GET', '/v1/memories/app:abathur:templates/user-preferences/why');
    await ask('GET', '/v1/memories/app:abathur:templates/none/why');
    await ask('POST', `/v1/operations/${correlation_id}/revert`, { dry_run: true });
    await ask('POST', '/v1/operations/none/revert');
    await ask('GET', '/v1/audit/head');
    await ask('GET', '/v1/audit/head?x=1');
    await ask('POST', '/v1/audit/verify');
    await ask('POST', '/v1/audit/verify', { from: 1, to: 2 });
    await ask('POST', '/v1/audit/verify', { from: 0 });
    for (const path of ['/v1/audit/checkpoint', '/v1/audit/keys', '/v1/audit/events/1/proof']) {
      await ask('GET', path);
      await ask('GET', `${path}?x=1`);
    }
    await ask('GET', '/v1/audit/consistency?from=1');
    await ask('GET', '/v1/audit/consistency?from=1&to=2');
    await ask('GET', '/v1/audit/consistency?from=0');
    await ask('GET', '/v1/audit/feed');
    await ask('GET', '/v1/audit/feed?after=99999999');
    for (const path of ['/health', '/health/live', '/health/ready']) {
      await ask('GET', path);
      await ask('GET', `${path}?x=1`);
    }
  });

  it('R-O8 describes every answer of projections', async () => {
    const p = '/v1/admin/projections';
    await ask('GET', p);
    await ask('GET', `${p}?x=1`);
    const { body, status } = await ask('POST', `${p}/activity/rebuild`);
    expect(status).toBe(202);
    await ask('GET', `/v1/operations/${(body as { id: string }).id}`);
    await ask('POST', `${p}/all/rebuild`, { dry_run: 'yes' });
    await ask('POST', `${p}/none/rebuild`, {});
    await ask('GET', `${p}/activity/parked`);
    await ask('GET', `${p}/none/parked`);
    await ask('POST', `${p}/activity/retry`);
    await ask('POST', `${p}/all/retry`);
  });

  it('R-O8 refuses a parameter that it does not name, at every operation', async () => {
    for (const { method, path, operation } of operations()) {
      const url = `${path
        .replace(/\{position\}/, '1')
        .replace(/\{namespace\}/, 'user:x')
        .replace(/\{\w+\}/g, 'x')}?nonsense=1`;
      const [type] = Object.keys(operation.requestBody?.content ?? {});
      const answer = await ask(
        method.toUpperCase(),
        url,
        type && '{}',
        type === undefined ? {} : { 'content-type': type },
      );
      expect([method, path, answer.status]).toEqual([method, path, 400]);
      expectProblem({ ...answer, headers: Object.fromEntries(answer.headers) }, 400, { field: 'nonsense' });
    }
  });

  // The last of the walks: whatever the document describes has been asked for, in good and in bad.
  it('R-O8 describes nothing that was not asked for', () => {
    const names = operations().map(({ name }) => name);
    expect(names.filter((name) => !covered.success.has(name))).toEqual([]);
    expect(names.filter((name) => !covered.error.has(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(30);
  });

  describe('and class-validator', () => {
    const event = { event_type: 'message', actor: 'user', content: {} };
    const AUDIT_FILTER = {
      after: 1,

      stream: 's',
      type: 't',
      actor: 'a',
      agent_id: 'a',
      task_id: 't',
      session_id: 's',
      namespace_prefix: 'user:a',
      memory_operation: 'create',
      memory_entry_id: 1,
      correlation_id: 'c',
      from: '2026-01-01',
      to: '2026-01-01',
    };
    const { from: _, to: __, ...FEED_FILTER } = AUDIT_FILTER;
    /** A body or query of each DTO that is good, with every field. */
    const good: [string, new () => object, Record<string, unknown>][] = [
      [
        'CreateSessionBody',
        sessionDtos.CreateSessionBody,
        { session_id: 's', app_name: 'a', user_id: 'u', project_id: 'p', initial_state: {}, metadata: {} },
      ],
      [
        'AppendEventBody',
        sessionDtos.AppendEventBody,
        { event_id: 'e', timestamp: '2026-01-01', ...event, state_delta: {}, is_final_response: true },
      ],
      ['AppendEventsBody', sessionDtos.AppendEventsBody, { events: [event] }],
      ['ChangeStatusBody', sessionDtos.ChangeStatusBody, { status: 'active' }],
      ['SetStateBody', sessionDtos.SetStateBody, { value: 1 }],
      ['ForkSessionBody', sessionDtos.ForkSessionBody, { at_version: 1, session_id: 's' }],
      [
        'AddMemoryBody',
        memoryDtos.AddMemoryBody,
        {
          namespace: 'user:a',
          key: 'k',
          value: {},
          memory_type: 'semantic',
          metadata: {},
          created_by: 'a',
          task_id: 't',
          session_id: 's',
          ttl_seconds: 1,
        },
      ],
      [
        'PutMemoryBody',
        memoryDtos.PutMemoryBody,
        {
          value: {},
          memory_type: 'semantic',
          metadata: {},
          updated_by: 'a',
          task_id: 't',
          session_id: 's',
          ttl_seconds: 1,
        },
      ],
      ['RestoreMemoryBody', memoryDtos.RestoreMemoryBody, { version: 1 }],
      [
        'PublishMemoryBody',
        memoryDtos.PublishMemoryBody,
        { from_namespace: 'session:a', to_namespace: 'user:a', key: 'k' },
      ],
      [
        'SearchMemoriesBody',
        SearchMemoriesBody,
        {
          query: 'coffee',
          mode: 'hybrid',
          fusion: 'rrf',
          namespace_prefix: 'user:a',
          memory_type: 'semantic',
          filter: {},
          limit: 1,
          threshold: 0,
          weights: { semantic: 1, keyword: 0.5 },
          as_of: 1,
          include_quarantined: true,
          explain: true,
        },
      ],
      [
        'SynthesizeContextBody',
        contextDtos.SynthesizeContextBody,
        { session_id: 's', task_id: 't', query: 'q', token_budget: 100, as_of: 1, record: false },
      ],
      ['GET /v1/context', contextDtos.ListContextsQuery, { session_id: 's', memory_id: 1, limit: 1, cursor: 'c' }],
      [
        'ConsolidateMemoriesBody',
        consolidationDtos.ConsolidateMemoriesBody,
        { namespace_prefix: 'user:a', strategy: 'merge', dry_run: true },
      ],
      [
        'SummariseEpisodesBody',
        consolidationDtos.SummariseEpisodesBody,
        { namespace_prefix: 'user:a', older_than_days: 1, llm: true, dry_run: true },
      ],
      [
        'ArchiveMemoriesBody',
        consolidationDtos.ArchiveMemoriesBody,
        { namespace_prefix: 'user:a', memory_type: 'episodic', older_than_days: 1, dry_run: true },
      ],
      ['ResolveConflictBody', consolidationDtos.ResolveConflictBody, { strategy: 'manual', value: {} }],
      [
        'GET /v1/memories/conflicts',
        consolidationDtos.ListConflictsQuery,
        { namespace_prefix: 'user:a', status: 'open', kind: 'same_key', limit: 1, cursor: 'c' },
      ],
      [
        'QuarantineBody',
        QuarantineBody,
        { session_id: 's', agent: 'a', key: 'k', from: '2026', to: '2026', correlation_id: 'c', reason: 'r' },
      ],
      ['GET /v1/admin/quarantines', ListQuarantinesQuery, { standing: true, limit: 1, cursor: 'c' }],
      [
        'EraseBody',
        EraseBody,
        { user_id: 'u', session_id: 's', namespace_prefix: 'user:a', reason: 'r', dry_run: true, include_shared: true },
      ],
      ['FeedbackBody', FeedbackBody, { result_id: 1, signal: 'click' }],
      ['RebuildBody', RebuildBody, { dry_run: true }],
      ['VerifyBody', VerifyBody, { from: 1, to: 2 }],
      [
        'GET /v1/sessions',
        sessionDtos.ListSessionsQuery,
        { app_name: 'a', user_id: 'u', project_id: 'p', status: 'active', limit: 1, cursor: 'c' },
      ],
      [
        'GET /v1/sessions/{id}',
        sessionDtos.GetSessionQuery,
        { num_recent_events: 1, after_timestamp: '2026-01-01', as_of: '1' },
      ],
      ['GET /v1/sessions/{id}/state', sessionDtos.AsOfQuery, { as_of: '1' }],
      ['GET /v1/sessions/{id}/state/{key}', sessionDtos.StateEntryQuery, { as_of: '1', resolve: true }],
      [
        'GET /v1/sessions/{id}/events',
        sessionDtos.ListSessionEventsQuery,
        { order: 'asc', event_type: 'message', actor: 'user', as_of: '1', limit: 1, cursor: 'c' },
      ],
      [
        'GET /v1/memories',
        memoryDtos.ListMemoriesQuery,
        {
          namespace_prefix: 'user:a',
          memory_type: 'semantic',
          key_prefix: 'k',
          created_by: 'a',
          updated_after: '2026-01-01',
          updated_before: '2026-01-01',
          include_deleted: true,
          include_superseded: true,
          include_quarantined: true,
          filter: '{}',
          as_of: '1',
          limit: 1,
          cursor: 'c',
        },
      ],
      [
        'GET /v1/memories/{namespace}/{key}',
        memoryDtos.GetMemoryQuery,
        { version: 1, include_quarantined: true, as_of: '1' },
      ],
      ['GET /v1/memories/{namespace}/{key}/diff', memoryDtos.DiffMemoryQuery, { from: 1, to: 2 }],
      [
        'GET /v1/memories/export',
        memoryDtos.ExportMemoriesQuery,
        { namespace_prefix: 'user:a', memory_type: 'semantic', as_of: '1' },
      ],
      [
        'GET /v1/memories/{namespace}/{key}/history',
        memoryDtos.HistoryQuery,
        { include_quarantined: true, as_of: '1', limit: 1, cursor: 'c' },
      ],
      [
        'GET /v1/namespaces',
        ListNamespacesQuery,
        { prefix: 'user', suffix: 'a', max_depth: 1, as_of: '1', limit: 1, cursor: 'c' },
      ],
      ['GET /v1/audit/events', ListAuditEventsQuery, { ...AUDIT_FILTER, order: 'asc', limit: 1, cursor: 'c' }],
      [
        'PutDocumentBody',
        documentDtos.PutDocumentBody,
        { file_path: 'a.md', content: 'c', title: 't', document_type: 'plan', metadata: {} },
      ],
      ['SyncDocumentsBody', documentDtos.SyncDocumentsBody, { directory: 'd' }],
      [
        'SearchDocumentsBody',
        documentDtos.SearchDocumentsBody,
        {
          query: 'q',
          mode: 'hybrid',
          fusion: 'rrf',
          document_type: 'plan',
          path_prefix: 'p',
          as_of: 1,
          filter: {},
          limit: 1,
          threshold: 0.5,
          weights: { semantic: 1, keyword: 0 },
          explain: true,
        },
      ],
      [
        'GET /v1/documents',
        documentDtos.ListDocumentsQuery,
        { document_type: 'plan', sync_status: 'stale', path_prefix: 'p', filter: '{}', limit: 1, cursor: 'c' },
      ],
      ['GET /v1/audit/feed', FeedQuery, FEED_FILTER],
      ['GET /v1/audit/export', ExportAuditQuery, AUDIT_FILTER],
      [
        'GET /v1/diff',
        DiffQuery,
        { from: '1', to: '2', namespace_prefix: 'user:a', session_id: 's', limit: 1, cursor: 'c' },
      ],
      ['RevertBody', RevertBody, { dry_run: true }],
      ['GET /v1/audit/consistency', ConsistencyQuery, { from: 1, to: 2 }],
      [
        'ExpireMemoriesBody',
        memoryDtos.ExpireMemoriesBody,
        { memory_type: 'episodic', older_than_days: 1, dry_run: true },
      ],
      [
        'CreateKeyBody',
        CreateKeyBody,
        { name: 'n', role: 'agent', app: 'a', users: ['u'], projects: { p: 'read' }, expires_at: 'never' },
      ],
      ['ConfigureJobBody', ConfigureJobBody, { schedule: '* * * * *', enabled: true }],
      ['RunJobBody', RunJobBody, { dry_run: true }],
      [
        'SubmitTaskBody',
        taskDtos.SubmitTaskBody,
        {
          task_id: 't',
          prompt: 'p',
          agent_type: 'a',
          priority: 1,
          input_data: {},
          max_retries: 1,
          max_execution_timeout_seconds: 1,
          parent_task_id: 'p',
          dependencies: ['d'],
          session_id: 's',
          procedure: { namespace: 'user:a', key: 'k', version: 1 },
          outcome_namespace: 'user:a',
          created_by: 'c',
        },
      ],
      ['ClaimTaskBody', taskDtos.ClaimTaskBody, { agent_type: 'a', agent_id: 'a' }],
      [
        'ChangeTaskStatusBody',
        taskDtos.ChangeTaskStatusBody,
        {
          status: 'failed',
          result_data: {},
          error_message: 'e',
          retry: true,
          agent_id: 'a',
          procedure: { namespace: 'user:a', key: 'k', version: 1 },
        },
      ],
      [
        'RefineProcedureBody',
        learningDtos.RefineProcedureBody,
        { value: {}, metadata: {}, episodes: [{ namespace: 'user:a', key: 'k', version: 1 }], reason: 'r' },
      ],
      ['RollBackProcedureBody', learningDtos.RollBackProcedureBody, { dry_run: true, min_outcomes: 1 }],
      ['WriteCheckpointBody', taskDtos.WriteCheckpointBody, { state: {} }],
      ['SetTaskStateBody', taskDtos.SetTaskStateBody, { value: 1 }],
      [
        'GET /v1/tasks',
        taskDtos.ListTasksQuery,
        {
          status: 'pending',
          agent_type: 'a',
          agent_id: 'a',
          priority: 1,
          session_id: 's',
          parent_task_id: 'p',
          as_of: '1',
          limit: 1,
          cursor: 'c',
        },
      ],
      ['GET /v1/tasks/{id}', taskDtos.GetTaskQuery, { as_of: '1' }],
      ['GET /v1/tasks/{id}/checkpoints', taskDtos.ListProgressQuery, { as_of: '1', limit: 1, cursor: 'c' }],
      [
        'RegisterAgentBody',
        agentDtos.RegisterAgentBody,
        {
          agent_id: 'a',
          name: 'n',
          specialization: 's',
          model: 'm',
          state: 'idle',
          task_id: 't',
          session_id: 's',
          resource_usage: {},
        },
      ],
      ['ChangeAgentStateBody', agentDtos.ChangeAgentStateBody, { state: 'idle', task_id: 't', resource_usage: {} }],
      [
        'GET /v1/agents',
        agentDtos.ListAgentsQuery,
        { state: 'idle', task_id: 't', session_id: 's', limit: 1, cursor: 'c' },
      ],
      ['GET /v1/agents/{id}', agentDtos.GetAgentQuery, { as_of: '1' }],
      ['GET /v1/admin/keys', ListKeysQuery, { limit: 1, cursor: 'c' }],
      ['GET /v1/operations', ListOperationsQuery, { kind: 'k', status: 'running', limit: 1, cursor: 'c' }],
    ];

    /** A value in a field's place: of every type, and at and beyond every bound that a schema may know. */
    const values: unknown[] = [
      undefined,
      null,
      true,
      0,
      1,
      -1,
      1.5,
      64,
      65,
      1000,
      1001,
      315_360_000,
      315_360_001,
      '',
      'x',
      ...[40, 41, 128, 129, 256, 257, 512, 513, 2048, 2049, 10_000, 10_001, 16_384, 16_385].map((length) =>
        'x'.repeat(length),
      ),
      '🎉'.repeat(128),
      [],
      [1],
      {},
      { a: 1 },
    ];

    const schemaOf = (name: string): Schema => {
      if (!name.includes(' ')) return { $ref: `api#${pointer('components', 'schemas', name)}` };
      const { operation } = operations().find((one) => one.name === name)!;
      const parameters = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query');
      return {
        type: 'object',
        properties: Object.fromEntries(parameters.map((parameter) => [parameter.name, parameter.schema])),
        required: parameters.filter(({ required }) => required).map((parameter) => parameter.name),
        additionalProperties: false,
      };
    };

    it.each(good)('R-O8 judge alike whatever is sent for %s', (name, dto, body) => {
      const valid = promises.ajv.compile(schemaOf(name));
      const judge = (sent: object) => {
        // What is undefined is not sent.
        const plain = JSON.parse(JSON.stringify(sent)) as object;
        const options = { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true };
        const validator = validateSync(plainToInstance(dto, plain), options).length === 0;
        return { sent: JSON.stringify(plain).slice(0, 300), validator, contract: valid(plain) };
      };
      expect(judge(body)).toMatchObject({ validator: true, contract: true });
      expect(judge({ ...body, nonsense: 1 })).toMatchObject({ validator: false, contract: false });
      const spoiled = (one: object): object[] =>
        Object.keys(one).flatMap((field) => values.map((value) => ({ ...one, [field]: value })));
      const bodies = [
        body,
        ...spoiled(body),
        ...('events' in body ? spoiled(event).map((one) => ({ events: [one] })) : []),
      ];
      const verdicts = bodies.map(judge);
      expect(verdicts.filter(({ validator, contract }) => validator !== contract)).toEqual([]);
      expect(verdicts.some(({ contract }) => contract)).toBe(true);
      expect(verdicts.some(({ contract }) => !contract)).toBe(true);
    });

    it('R-O8 know the fields of every body and query, and these are all of them', () => {
      for (const [name, , body] of good) {
        const schema = schemaOf(name);
        const known = schema.properties ?? document.components.schemas[name]!.properties!;
        expect([name, Object.keys(known).toSorted()]).toEqual([name, Object.keys(body).toSorted()]);
      }
      const bodies = operations().flatMap(({ operation }) =>
        [...JSON.stringify(operation.requestBody ?? {}).matchAll(/schemas\/(\w+)"/g)].map(([, name]) => name!),
      );
      const named = good.map(([name]) => name);
      expect([...new Set(bodies)].filter((name) => !named.includes(name))).toEqual(['BatchMemoriesBody']);
    });
  });

  describe('has a page for people', () => {
    it('opens where somebody types the address into a browser', async () => {
      const answer = await fetch(`${server.url}/`, { redirect: 'manual' });
      expect([answer.status, answer.headers.get('location')]).toEqual([302, '/docs']);
    });

    it('R-O8 at /docs, which loads everything from the server itself', async () => {
      const answer = await fetch(`${server.url}/docs`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
      const html = await answer.text();
      expect(html).toContain('Abathur Memory');
      const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
      expect(links.length).toBeGreaterThan(2);
      for (const link of links) {
        const url = new URL(link, `${server.url}/docs`);
        expect(url.origin).toBe(server.url);
        const asset = await fetch(url);
        expect([link, asset.status]).toEqual([link, 200]);
        expect((await asset.arrayBuffer()).byteLength).toBeGreaterThan(100);
      }
    });

    it('R-O8 and is there as YAML, too', async () => {
      const answer = await fetch(`${server.url}/openapi.yaml`);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toMatch(/^openapi: 3\.1/m);
    });
  });
});
