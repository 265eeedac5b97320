import { setTimeout as sleep } from 'node:timers/promises';
import type { Breakage, Passing, Returning } from './breaking-proxy.js';

/** A breakage of one behaviour, and the smoke cases that are there to notice it. */
export interface NoticedBreakage extends Breakage {
  what: string;
  noticed: string[];
}

type Json = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any

const SESSION = /^\/v1\/sessions\/[^/?]+$/;
const MEMORY = /^\/v1\/memories\/[^/?]+\/[^/?]+$/;

const is = (asked: Passing, method: string, path: string | RegExp): boolean => {
  const [bare] = asked.path.split('?');
  return asked.method === method && (typeof path === 'string' ? bare === path : path.test(bare!));
};

/** Changes the JSON of answers to such requests. */
const changes =
  (method: string, path: string | RegExp, change: (body: Json, asked: Passing) => void) =>
  (answer: Returning, asked: Passing): void => {
    if (!is(asked, method, path) || answer.status >= 300) return;
    const body = JSON.parse(answer.text) as Json;
    change(body, asked);
    answer.text = JSON.stringify(body);
  };

/** Answers such requests with another status than the server. */
const restates =
  (method: string, path: string | RegExp, from: number, to: number) =>
  (answer: Returning, asked: Passing): void => {
    if (is(asked, method, path) && answer.status === from) answer.status = to;
  };

/** Changes the JSON of such requests before the server gets it. */
const garbles =
  (method: string, path: string | RegExp, change: (body: Json) => void) =>
  (asked: Passing): void => {
    if (!is(asked, method, path) || !asked.text.startsWith('{')) return;
    try {
      const body = JSON.parse(asked.text) as Json;
      change(body);
      asked.text = JSON.stringify(body);
    } catch {
      // What is no JSON goes on as it is.
    }
  };

const dropsParameter =
  (name: string, path: RegExp) =>
  (asked: Passing): void => {
    const url = new URL(asked.path, 'http://server');
    if (!path.test(url.pathname) || !url.searchParams.has(name)) return;
    url.searchParams.delete(name);
    asked.path = url.pathname + url.search;
  };

const dropsHeader =
  (name: string) =>
  (asked: Passing): void => {
    delete asked.headers[name];
  };

/** Every so many answers to such requests come late. */
const delays = (path: RegExp, every: number, milliseconds: number): Breakage['answer'] => {
  let count = 0;
  return async (_, asked) => {
    if (is(asked, 'GET', path) && ++count % every === 0) await sleep(milliseconds);
  };
};

const flaws = (check: string): Breakage['answer'] =>
  changes('GET', '/v1/admin/integrity', ({ last }) => {
    const found = last?.checks.find(({ name }: Json) => name === check);
    if (found === undefined) return;
    found.ok = false;
    found.flaws = [{ where: 'somewhere', what: 'is wrong', remedy: 'Look.' }];
  });

/** Lists by the letters of a namespace, not by its segments. */
const byLetters = (): Breakage => {
  const wanted = new WeakMap<Passing, string>();
  return {
    request(asked) {
      const url = new URL(asked.path, 'http://server');
      const prefix = url.searchParams.get('namespace_prefix');
      if (!is(asked, 'GET', '/v1/memories') || prefix === null || url.searchParams.has('limit')) return;
      wanted.set(asked, prefix);
      url.searchParams.set('namespace_prefix', prefix.slice(0, prefix.lastIndexOf(':')));
      url.searchParams.set('limit', '1000');
      asked.path = url.pathname + url.search;
    },
    answer: changes('GET', '/v1/memories', (body, asked) => {
      const prefix = wanted.get(asked);
      if (prefix !== undefined) body.items = body.items.filter(({ namespace }: Json) => namespace.startsWith(prefix));
    }),
  };
};

export const BREAKAGES: NoticedBreakage[] = [
  {
    what: 'readiness says no',
    noticed: ['Database connection successful'],
    answer: restates('GET', '/health/ready', 200, 503),
  },
  {
    what: 'a table cannot be read',
    noticed: ['All tables exist and accessible'],
    answer: changes('GET', '/v1/admin/database', ({ tables }) => (tables[0].readable = false)),
  },
  {
    what: 'an index is gone',
    noticed: ['All indexes created'],
    answer: changes('GET', '/v1/admin/database', (body) => body.indexes.splice(0, 1)),
  },
  { what: 'pages are damaged', noticed: ['PRAGMA integrity_check passes'], answer: flaws('sqlite') },
  { what: 'a reference leads nowhere', noticed: ['PRAGMA foreign_key_check passes'], answer: flaws('foreign-keys') },
  {
    what: 'a new session is answered with 200',
    noticed: ['Create session successfully'],
    answer: restates('POST', '/v1/sessions', 201, 200),
  },
  {
    what: 'sessions are read without their events',
    noticed: ['Append event to session'],
    answer: changes('GET', SESSION, (body, { path }) => {
      if (!path.includes('as_of')) body.events = [];
    }),
  },
  {
    what: 'a value of the state stays what it was',
    noticed: ['Update session state'],
    answer: changes('GET', /^\/v1\/sessions\/[^/]+\/state$/, ({ state }) => {
      if ('mood' in state) state.mood = 'good';
    }),
  },
  {
    what: 'a terminated session takes events',
    noticed: ['Terminate session'],
    answer: restates('POST', /^\/v1\/sessions\/[^/]+\/events$/, 409, 201),
  },
  {
    what: 'adding what is there is no conflict',
    noticed: ['Create memory entry (semantic)'],
    answer: restates('POST', '/v1/memories', 409, 201),
  },
  {
    what: 'a written memory has version 1 for ever',
    noticed: ['Update memory entry (version 2)'],
    answer: changes('PUT', MEMORY, (body) => (body.version = 1)),
  },
  {
    what: 'memories are read in their first version',
    noticed: [
      'Retrieve memory (current version)',
      'Memory consolidation resolves conflicts',
      'A write on a stale version is refused',
      'What was deleted can be restored',
      'An operation is taken back as a whole',
    ],
    request: (asked) => {
      if (is(asked, 'GET', MEMORY) && !asked.path.includes('?') && !asked.path.includes('conflicts'))
        asked.path += '?version=1';
    },
  },
  {
    what: 'namespaces are matched by letters',
    noticed: ['Search memories by namespace', 'Namespace hierarchy access (user:alice:* queries)'],
    ...byLetters(),
  },
  {
    what: 'the audit filter by operation is dropped',
    noticed: ['Query audit log for memory operations'],
    request: dropsParameter('memory_operation', /^\/v1\/audit\/events$/),
  },
  {
    what: 'tasks forget their session',
    noticed: ['Create task with session linkage', 'Foreign key violation (non-existent session_id) handled'],
    request: garbles('POST', '/v1/tasks', (body) => delete body.session_id),
  },
  {
    what: 'some sessions are read slowly',
    noticed: ['Session retrieval <10ms'],
    answer: delays(SESSION, 50, 1500),
  },
  {
    what: 'lists end after ten',
    noticed: ['Namespace query <50ms'],
    answer: changes('GET', '/v1/memories', (body, { path }) => {
      if (!path.includes('limit=')) body.items = body.items.slice(0, 10);
    }),
  },
  {
    what: 'hybrid search is degraded',
    noticed: ['Hybrid search <600ms'],
    answer: changes('POST', '/v1/memories/search', (body) => {
      if (body.mode === 'hybrid') body.degraded = true;
    }),
  },
  {
    what: 'directories are not compared',
    noticed: ['Background sync processes file'],
    answer: restates('POST', '/v1/documents/sync', 202, 500),
  },
  {
    what: 'a question reads a table from end to end',
    noticed: ['Index usage verified (EXPLAIN QUERY PLAN)'],
    answer: changes('GET', '/v1/admin/database', ({ plans }) => plans[0].scans.push('audit')),
  },
  {
    what: 'a task claimed is somebody else’s',
    noticed: ['Complete session → task → memory workflow'],
    answer: changes('POST', '/v1/tasks/claim', (body) => (body.task_id = 'another')),
  },
  {
    what: 'the history is told from its beginning',
    noticed: ['Memory versioning (create, update, retrieve history)'],
    answer: changes('GET', /\/history$/, (body) => (body.items = body.items.toReversed())),
  },
  {
    what: 'the worst result comes first',
    noticed: ['Semantic search returns relevant results'],
    request: garbles('POST', '/v1/memories/search', (body) => {
      if (body.limit === 1) body.limit = 99;
    }),
    answer: changes('POST', '/v1/memories/search', (body, { text }) => {
      if (text.includes('"limit":99')) body.results = body.results.toReversed();
    }),
  },
  {
    what: 'changed documents keep their version',
    noticed: ['Document sync detects file changes'],
    answer: changes('PUT', '/v1/documents', (body) => (body.version = 1)),
  },
  {
    what: 'what went into a memory is forgotten',
    noticed: ['Memory consolidation resolves conflicts'],
    answer: changes('GET', MEMORY, (body) => {
      if ('consolidated_from' in body) body.consolidated_from = null;
    }),
  },
  {
    what: 'the log misses an operation',
    noticed: ['Audit trail captures all operations'],
    answer: changes('GET', '/v1/audit/events', ({ items }, { path }) => {
      if (path.includes('correlation_id=')) items.splice(3, 1);
    }),
  },
  {
    what: 'broken JSON is taken',
    noticed: ['Invalid JSON in session.events rejected'],
    answer: restates('POST', /^\/v1\/sessions\/[^/]+\/events$/, 400, 201),
  },
  {
    what: 'a session is opened twice',
    noticed: ['Duplicate session_id raises error'],
    answer: restates('POST', '/v1/sessions', 409, 201),
  },
  {
    what: 'refusals do not name the field',
    noticed: ['Invalid memory_type raises error'],
    answer: (answer) => {
      if (answer.status === 400) answer.text = answer.text.replace('"errors":', '"faults":');
    },
  },
  {
    what: 'an unknown session is an internal error',
    noticed: ['Foreign key violation (non-existent session_id) handled'],
    answer: restates('PUT', MEMORY, 409, 500),
  },
  {
    what: 'expected versions are dropped',
    noticed: ['Concurrent session update conflict resolved', 'A write on a stale version is refused'],
    request: dropsHeader('if-match'),
  },
  {
    what: 'ids of events are dropped',
    noticed: ['A repeated event_id changes nothing'],
    request: garbles('POST', /\/events$/, (body) => delete body.event_id),
  },
  {
    what: 'idempotency keys are dropped',
    noticed: ['The same Idempotency-Key is answered as the first time'],
    request: dropsHeader('idempotency-key'),
  },
  {
    what: 'a write that changes nothing makes a version',
    noticed: ['An unchanged write makes no version', 'Memory versioning (create, update, retrieve history)'],
    request: garbles('PUT', MEMORY, (body) => (body.metadata = { ...body.metadata, at: Math.random() })),
  },
  {
    what: 'half a batch is written',
    noticed: ['A batch is written as a whole or not at all'],
    request: garbles('POST', '/v1/memories/batch', ({ operations }) => {
      if (operations.length === 2) operations.pop();
    }),
  },
  {
    what: 'a filter is dropped',
    noticed: ['A filter is never dropped'],
    request: dropsParameter('filter', /^\/v1\/memories$/),
  },
  {
    what: 'a search looks into foreign namespaces',
    noticed: ['A search finds nothing of other namespaces'],
    request: garbles('POST', '/v1/memories/search', (body) => {
      if (body.query === 'quokka') body.namespace_prefix = body.namespace_prefix.split(':').slice(0, 2).join(':');
    }),
  },
  {
    what: 'unknown fields are dropped',
    noticed: ['Unknown fields and parameters are refused'],
    request: garbles('PUT', MEMORY, (body) => delete body.colour),
  },
  {
    what: 'large bodies are taken',
    noticed: ['What is too large or too deep is refused'],
    answer: restates('PUT', MEMORY, 413, 201),
  },
  {
    what: 'refusals do not say which request it was',
    noticed: ['A refusal says what is wrong and which request it was'],
    answer: (answer) => {
      if (answer.status === 404) answer.text = answer.text.replace('"request_id":', '"asked_id":');
    },
  },
  {
    what: 'the past is read as the present',
    noticed: ['The past is read as it was', 'A session is read as it was'],
    request: dropsParameter('as_of', /./),
  },
  {
    what: 'a restore restores nothing',
    noticed: ['What was deleted can be restored'],
    answer: restates('POST', /\/restore$/, 200, 404),
  },
  {
    what: 'no difference is told',
    noticed: ['What became different is told'],
    answer: changes('GET', '/v1/diff', (body) => (body.items = [])),
  },
  {
    what: 'half an operation is taken back',
    noticed: ['An operation is taken back as a whole'],
    answer: changes('POST', /\/revert$/, ({ taken_back }) => taken_back.pop()),
  },
  {
    what: 'provenance is forgotten',
    noticed: ['Where a memory comes from is told'],
    answer: changes('GET', /\/why$/, (body) => (body.came_from = [])),
  },
  {
    what: 'the chain is broken',
    noticed: ['The chain of the newest entries is unbroken'],
    answer: changes('POST', '/v1/audit/verify', (body) => (body.ok = false)),
  },
  {
    what: 'a proof is one of another entry',
    noticed: ['An entry is proved to be in the log'],
    request: (asked) => {
      asked.path = asked.path.replace(/events\/\d+\/proof/, 'events/1/proof');
    },
  },
  {
    what: 'cursors are dropped',
    noticed: ['Pages have no gap and nothing twice', 'Unknown fields and parameters are refused'],
    request: dropsParameter('cursor', /^\/v1\/memories$/),
  },
  {
    what: 'a part has failed',
    noticed: ['The process is alive and every part tells how it is'],
    answer: changes(
      'GET',
      '/health',
      ({ parts }) => (parts.writer = { status: 'failed', reason: 'gone', details: {} }),
    ),
  },
  {
    what: 'a metric is gone',
    noticed: ['Metrics are served as Prometheus reads them'],
    answer: (answer, asked) => {
      if (is(asked, 'GET', '/metrics')) answer.text = answer.text.replaceAll('abathur_projection_lag', 'abathur_lag');
    },
  },
  {
    what: 'a route is not described',
    noticed: ['The API describes itself'],
    answer: changes('GET', '/openapi.json', ({ paths }) => delete paths['/v1/audit/verify']),
  },
  {
    what: 'a projection has stopped',
    noticed: ['Projections keep up with the log'],
    answer: changes('GET', '/v1/admin/projections', (body) => (body[0].status = 'stopped')),
  },
  {
    what: 'searches know words alone',
    noticed: ['The search knows every text'],
    answer: changes('GET', '/v1/search/status', (body) => (body.degraded = true)),
  },
  {
    what: 'backups are switched off',
    noticed: ['Backups are scheduled'],
    answer: changes('GET', '/v1/admin/jobs', (body) => body.forEach((job: Json) => (job.enabled = false))),
  },
  {
    what: 'the newest backup is old',
    noticed: ['The newest backup is less than 26 hours old'],
    answer: changes('GET', '/v1/admin/backups', ({ items }) => items.push({ created_at: '2001-01-01T00:00:00.000Z' })),
  },
  {
    what: 'a context has more tokens than it may',
    noticed: ['A context is made within its budget'],
    answer: changes('POST', '/v1/context', (body) => (body.token_count += 500)),
  },
  {
    what: 'the live feed ends before it has told anything',
    noticed: ['The live feed tells what is written'],
    cutsFeeds: true,
  },
];
