import type { Right, Scope } from '#access';
import { conflict, DomainError, invalid, namespace as checkedNamespace, notFound } from '#kernel';

/** Something that a request is about, with whose it is. */
export interface Demand {
  right: Right;
  /** `undefined`: there is no such thing. */
  scope: Scope | undefined;
  /** What is said when it is not there; who may not know of it hears the same. Without it, that the right is missing. */
  absent?: () => DomainError;
}

/** What may be looked up to say whose a thing is. */
export interface Owners {
  session(id: string): Extract<Scope, { kind: 'session' }> | undefined;
  /** A task is its session's. */
  task(id: string): Scope | undefined;
  /** So is an agent. */
  agent(id: string): Scope | undefined;
  /** What a recorded context is of. */
  context(id: string): { session_id: string; task_id: string | null } | undefined;
  /** The namespaces that a conflict names; none where there is no such conflict. */
  conflict(id: string): string[];
}

/** A request whose form has been checked. */
export interface Asked {
  params: Record<string, string>;
  query: Record<string, unknown>;
  body: Record<string, unknown>;
}

export interface RouteRight {
  /**
   * `anybody`: no key is asked for. `clients`: every role, as far as the demands go. Otherwise whoever the table of rights lets
   * read or write things of this kind.
   */
  of: 'anybody' | 'clients' | 'documents' | 'audit' | 'admin';
  right: Right;
  demands?: (asked: Asked, owners: Owners) => Demand[];
}

type Demands = NonNullable<RouteRight['demands']>;

const anybody: RouteRight = { of: 'anybody', right: 'read' };
const reads = (of: RouteRight['of'], demands?: Demands): RouteRight => ({ of, right: 'read', demands });
const writes = (of: RouteRight['of'], demands?: Demands): RouteRight => ({ of, right: 'write', demands });
/** What is listed and found is filtered where it is read, see `Caller.visible`. */
const filtered = reads('clients');

/** The one that the path names. */
const one =
  (kind: 'session' | 'task' | 'agent', right: Right): Demands =>
  ({ params }, owners) => [{ right, scope: owners[kind](params['id']!), absent: () => notFound(kind, params['id']!) }];

/** Keys of state that are shared with others need the right to write there. */
function sharedKeys(keys: string[], scope: Scope | undefined): Demand[] {
  if (scope?.kind !== 'session') return [];
  const { app, project } = scope;
  return [
    ...(keys.some((key) => key.startsWith('app:')) ? [write({ kind: 'app', app })] : []),
    ...(project !== null && keys.some((key) => key.startsWith('project:'))
      ? [write({ kind: 'project', project })]
      : []),
  ];
}

const read = (scope: Scope | undefined): Demand => ({ right: 'read', scope });
const write = (scope: Scope | undefined): Demand => ({ right: 'write', scope });
const keysOf = (delta: unknown): string[] => Object.keys((delta ?? {}) as object);

const openSession: Demands = ({ body }, owners) => {
  const { session_id, app_name, user_id, project_id, initial_state } = body as Record<string, string>;
  const scope: Scope = { kind: 'session', app: app_name!, user: user_id!, project: project_id ?? null };
  return [write(scope), ...sharedKeys(keysOf(initial_state), scope), ...freeId(session_id, owners)];
};

/** An id that a new session is to have. If it is somebody else's already, that is told in the words of one's own. */
function freeId(id: unknown, owners: Owners): Demand[] {
  if (typeof id !== 'string') return [];
  // What is in session:a:b is the session's whose id is a.
  if (id.includes(':'))
    throw invalid('session_id', 'holds a colon', 'Where keys are asked for, choose an id without one.');
  const scope = owners.session(id);
  if (scope === undefined) return [];
  return [{ right: 'read', scope, absent: () => conflict('session-exists', `Session ${id} exists already.`) }];
}

const fork: Demands = (asked, owners) => [
  ...one('session', 'write')(asked, owners),
  ...freeId((asked.body as Record<string, unknown> | undefined)?.['session_id'], owners),
];

const appendEvents: Demands = (asked, owners) => {
  const events = (asked.body['events'] ?? [asked.body]) as { state_delta?: object }[];
  const [session] = one('session', 'write')(asked, owners) as [Demand];
  return [
    session,
    ...sharedKeys(
      events.flatMap(({ state_delta }) => keysOf(state_delta)),
      session.scope,
    ),
  ];
};

const setState: Demands = (asked, owners) => {
  const [session] = one('session', 'write')(asked, owners) as [Demand];
  return [session, ...sharedKeys([asked.params['key']!], session.scope)];
};

/** Whose a namespace is, by its second segment; nothing where it is none, which the handler tells better. */
function ownerOf(text: unknown, owners: Owners): { scope: Scope | undefined } | undefined {
  try {
    const [kind, name] = checkedNamespace(text as string).split(':') as [string, string];
    if (kind === 'session') return { scope: owners.session(name) };
    if (kind === 'user') return { scope: { kind, user: name } };
    return { scope: kind === 'app' ? { kind, app: name } : { kind: 'project', project: name } };
  } catch {
    return undefined;
  }
}

function inNamespace(right: Right, text: unknown, owners: Owners, absent?: Demand['absent']): Demand[] {
  const owner = ownerOf(text, owners);
  return owner === undefined ? [] : [{ right, scope: owner.scope, absent }];
}

/** What something says it belongs to: a session or task of somebody else is as good as none. */
const references = ({ session_id, task_id }: { session_id?: unknown; task_id?: unknown }, owners: Owners): Demand[] => [
  ...reference('session', session_id, owners),
  ...reference('task', task_id, owners),
];

const reference = (kind: 'session' | 'task', id: unknown, owners: Owners): Demand[] =>
  typeof id === 'string'
    ? [
        {
          right: 'write',
          scope: owners[kind](id),
          absent: () => conflict(`unknown-${kind}`, `There is no ${kind} ${id} to refer to.`),
        },
      ]
    : [];

/** A memory that is written, wherever the request names it: for a body, a part of a batch, or a line of an import. */
export const writtenMemory = (memory: Record<string, unknown>, owners: Owners): Demand[] => [
  ...inNamespace('write', memory['namespace'], owners),
  ...references(memory, owners),
];

const readMemory: Demands = ({ params, query }, owners) => {
  const { namespace, key } = params as { namespace: string; key: string };
  const version = query['version'] ?? query['from'];
  const which = version === undefined ? '' : ` version ${String(version)}`;
  return inNamespace('read', namespace, owners, () => notFound('memory', `${namespace}/${key}${which}`));
};

const writeMemory: Demands = ({ params, body }, owners) =>
  writtenMemory({ ...body, namespace: params['namespace'] }, owners);

const publish: Demands = ({ body }, owners) => [
  ...inNamespace('read', body['from_namespace'], owners, () =>
    notFound('memory', `${String(body['from_namespace'])}/${String(body['key'])}`),
  ),
  ...inNamespace('write', body['to_namespace'], owners),
];

/** Gets and searches among them are filtered where they are read. */
const batch: Demands = ({ body }, owners) =>
  (body['operations'] as Record<string, unknown>[]).flatMap((operation) =>
    ['put', 'add', 'delete'].includes(operation['op'] as string) ? writtenMemory(operation, owners) : [],
  );

const refine: Demands = (asked, owners) => [
  ...writeMemory(asked, owners),
  ...(asked.body['episodes'] as { namespace: string; key: string; version?: number }[]).flatMap(
    ({ namespace, key, version }) =>
      inNamespace('read', namespace, owners, () =>
        conflict(
          'unknown-episode',
          `There is no memory ${namespace}/${key}${version === undefined ? '' : ` version ${version}`} to have learnt from.`,
        ),
      ),
  ),
];

const synthesize: Demands = ({ body }, owners) => {
  const { session_id, task_id } = body as { session_id: string; task_id?: string };
  return [
    { right: 'write', scope: owners.session(session_id), absent: () => notFound('session', session_id) },
    ...(task_id === undefined ? [] : [{ ...read(owners.task(task_id)), absent: () => notFound('task', task_id) }]),
  ];
};

/** An id that a new thing is to have: whose it is already if it is taken, is told in the words of one's own. */
const taken = (kind: 'task' | 'agent', id: unknown, owners: Owners): Demand[] => {
  const scope = typeof id === 'string' ? owners[kind](id) : undefined;
  const name = kind === 'task' ? 'Task' : 'Agent';
  return scope === undefined
    ? []
    : [{ ...read(scope), absent: () => conflict(`${kind}-exists`, `${name} ${String(id)} exists already.`) }];
};

/** A task or agent belongs to its session; of none it is for operators alone. */
const inSession = (kind: 'task' | 'agent', session_id: unknown, owners: Owners): Demand[] =>
  typeof session_id === 'string'
    ? reference('session', session_id, owners)
    : [
        {
          ...write({ kind: 'tasks' }),
          absent: () =>
            new DomainError('forbidden', 'session-needed', `With this key ${kind}s belong to a session.`, {
              hint: 'Name one of your own in session_id.',
            }),
        },
      ];

const procedureOf = (procedure: unknown, owners: Owners): Demand[] => {
  const { namespace, key, version } = (procedure ?? {}) as Record<string, unknown>;
  const name = `${String(namespace)}/${String(key)} version ${String(version)}`;
  const absent = (): DomainError => conflict('unknown-procedure', `There is no ${name} to go by.`);
  return procedure === undefined ? [] : inNamespace('read', namespace, owners, absent);
};

const submitTask: Demands = ({ body }, owners) => {
  const { task_id, session_id, parent_task_id, dependencies = [], procedure, outcome_namespace } = body;
  return [
    ...taken('task', task_id, owners),
    ...inSession('task', session_id, owners),
    // That it names itself is told by the rules.
    ...[parent_task_id, ...(dependencies as unknown[])]
      .filter((id) => id !== task_id)
      .flatMap((id) => reference('task', id, owners)),
    ...procedureOf(procedure, owners),
    ...(outcome_namespace === undefined ? [] : inNamespace('write', outcome_namespace, owners)),
  ];
};

const changeTask: Demands = (asked, owners) => [
  ...one('task', 'write')(asked, owners),
  ...procedureOf(asked.body['procedure'], owners),
];

const registerAgent: Demands = ({ body }, owners) => [
  ...taken('agent', body['agent_id'], owners),
  ...inSession('agent', body['session_id'], owners),
  ...reference('task', body['task_id'], owners),
];

const changeAgent: Demands = (asked, owners) => [
  ...one('agent', 'write')(asked, owners),
  ...reference('task', asked.body['task_id'], owners),
];

/** A conflict is shown to who sees all of it, and settled by who may write all of it. */
const readConflict: Demands = ({ params }, owners) => {
  const absent = (): DomainError => notFound('conflict', params['id']!);
  const scopes = scopesOfConflict(params['id']!, owners);
  return (scopes.length === 0 ? [undefined] : scopes).map((scope) => ({ ...read(scope), absent }));
};

const resolveConflict: Demands = (asked, owners) => [
  ...readConflict(asked, owners),
  ...scopesOfConflict(asked.params['id']!, owners).map(write),
];

const scopesOfConflict = (id: string, owners: Owners): (Scope | undefined)[] =>
  owners.conflict(id).map((namespace) => ownerOf(namespace, owners)?.scope);

const contextsOfSession: Demands = ({ query }, owners) => {
  const session_id = query['session_id'] as string | undefined;
  if (session_id === undefined) return [{ right: 'read', scope: { kind: 'audit' } }];
  return [{ right: 'read', scope: owners.session(session_id), absent: () => notFound('session', session_id) }];
};

/** It shows its session and its task. */
const recordedContext: Demands = ({ params }, owners) => {
  const absent = (): DomainError => notFound('context', params['id']!);
  const { session_id, task_id = null } = owners.context(params['id']!) ?? {};
  return [
    { ...read(session_id === undefined ? undefined : owners.session(session_id)), absent },
    ...(task_id === null ? [] : [{ ...read(owners.task(task_id)), absent }]),
  ];
};

/** What is in quarantine is shown to whoever looks into it, and to no agent. */
export function asksForQuarantined({ query, body }: Asked): boolean {
  const operations = (body as Record<string, unknown> | undefined)?.['operations'];
  return [query, body, ...(Array.isArray(operations) ? (operations as object[]) : [])].some(
    (asked) => (asked as { include_quarantined?: unknown } | undefined)?.include_quarantined === true,
  );
}

/**
 * Who may ask for what, by method and path: all routes stand here, and one that does not is refused. The rights themselves
 * are in the table of `#access`; here stands what of them a request needs.
 */
export const ROUTES: Record<string, RouteRight> = {
  'GET /': anybody,
  'GET /health': anybody,
  'GET /health/live': anybody,
  'GET /health/ready': anybody,
  'GET /metrics': anybody,
  'GET /openapi.json': anybody,
  'GET /openapi.yaml': anybody,
  'GET /docs': anybody,
  'GET /docs/*': anybody,

  'POST /v1/sessions': writes('clients', openSession),
  'GET /v1/sessions': filtered,
  'GET /v1/sessions/:id': reads('clients', one('session', 'read')),
  'DELETE /v1/sessions/:id': writes('clients', one('session', 'write')),
  'POST /v1/sessions/:id/events': writes('clients', appendEvents),
  'GET /v1/sessions/:id/events': reads('clients', one('session', 'read')),
  'POST /v1/sessions/:id/events/batch': writes('clients', appendEvents),
  'PUT /v1/sessions/:id/status': writes('clients', one('session', 'write')),
  'GET /v1/sessions/:id/state': reads('clients', one('session', 'read')),
  'GET /v1/sessions/:id/state/:key': reads('clients', one('session', 'read')),
  'PUT /v1/sessions/:id/state/:key': writes('clients', setState),
  'POST /v1/sessions/:id/fork': writes('clients', fork),

  'POST /v1/memories': writes('clients', ({ body }, owners) => writtenMemory(body, owners)),
  'GET /v1/memories': filtered,
  'POST /v1/memories/batch': reads('clients', batch),
  'POST /v1/memories/search': filtered,
  'POST /v1/memories/publish': writes('clients', publish),
  // Each line is judged when it is read.
  'POST /v1/memories/import': writes('clients'),
  'GET /v1/memories/export': filtered,
  'PUT /v1/memories/:namespace/:key': writes('clients', writeMemory),
  'GET /v1/memories/:namespace/:key': reads('clients', readMemory),
  'DELETE /v1/memories/:namespace/:key': writes('clients', writeMemory),
  'GET /v1/memories/:namespace/:key/history': reads('clients', readMemory),
  'GET /v1/memories/:namespace/:key/diff': reads('clients', readMemory),
  'POST /v1/memories/:namespace/:key/restore': writes('clients', writeMemory),
  'POST /v1/memories/:namespace/:key/archive': writes('clients', writeMemory),
  'POST /v1/memories/:namespace/:key/refine': writes('clients', refine),
  'GET /v1/namespaces': filtered,
  // Counted are tasks that the caller sees.
  'GET /v1/memories/:namespace/:key/outcomes': reads('clients', readMemory),
  'POST /v1/memories/:namespace/:key/rollback': writes('clients', writeMemory),
  'GET /v1/memories/:namespace/:key/why': reads('clients', readMemory),
  'GET /v1/memories/conflicts': filtered,
  'GET /v1/memories/conflicts/:id': reads('clients', readConflict),
  'POST /v1/memories/conflicts/:id/resolve': writes('clients', resolveConflict),
  // What memories of several people have to do with each other, is nobody's alone.
  'POST /v1/memories/consolidate': writes('admin'),
  'POST /v1/memories/summarise': writes('admin'),
  'POST /v1/memories/archive': writes('admin'),
  'POST /v1/memories/expire': writes('admin'),

  'POST /v1/context': writes('clients', synthesize),
  'GET /v1/context': reads('clients', contextsOfSession),
  'GET /v1/context/:id': reads('clients', recordedContext),

  'PUT /v1/documents': writes('documents'),
  'GET /v1/documents': reads('documents'),
  'POST /v1/documents/sync': writes('documents'),
  'POST /v1/documents/search': reads('documents'),
  'GET /v1/documents/:id': reads('documents'),
  'DELETE /v1/documents/:id': writes('documents'),
  // Whoever was given the id of a search has searched; how much there is of everybody's is not for clients.
  'POST /v1/search/:search_id/feedback': writes('clients'),
  'GET /v1/search/status': reads('admin'),
  'POST /v1/search/retry': writes('admin'),

  'POST /v1/tasks': writes('clients', submitTask),
  'GET /v1/tasks': filtered,
  'POST /v1/tasks/claim': writes('clients'),
  'GET /v1/tasks/:id': reads('clients', one('task', 'read')),
  'PUT /v1/tasks/:id/status': writes('clients', changeTask),
  'GET /v1/tasks/:id/state': reads('clients', one('task', 'read')),
  'GET /v1/tasks/:id/state/:key': reads('clients', one('task', 'read')),
  'PUT /v1/tasks/:id/state/:key': writes('clients', one('task', 'write')),
  'GET /v1/tasks/:id/checkpoints': reads('clients', one('task', 'read')),
  'GET /v1/tasks/:id/checkpoints/:iteration': reads('clients', one('task', 'read')),
  'PUT /v1/tasks/:id/checkpoints/:iteration': writes('clients', one('task', 'write')),
  'POST /v1/agents': writes('clients', registerAgent),
  'GET /v1/agents': filtered,
  'GET /v1/agents/:id': reads('clients', one('agent', 'read')),
  'PUT /v1/agents/:id/state': writes('clients', changeAgent),

  'GET /v1/audit/events': reads('audit'),
  'GET /v1/audit/export': reads('audit'),
  'GET /v1/audit/events/:position': reads('audit'),
  'GET /v1/audit/head': reads('audit'),
  'GET /v1/audit/checkpoint': reads('audit'),
  'GET /v1/audit/keys': reads('audit'),
  'GET /v1/audit/events/:position/proof': reads('audit'),
  'GET /v1/audit/consistency': reads('audit'),
  'POST /v1/audit/verify': reads('audit'),
  'GET /v1/audit/feed': reads('audit'),
  'GET /v1/diff': reads('audit'),

  'GET /v1/operations': reads('admin'),
  'GET /v1/operations/:id': reads('admin'),
  'POST /v1/operations/:correlation_id/revert': writes('admin'),
  'GET /v1/admin/projections': reads('admin'),
  'POST /v1/admin/projections/:name/rebuild': writes('admin'),
  'GET /v1/admin/projections/:name/parked': reads('admin'),
  'POST /v1/admin/projections/:name/retry': writes('admin'),
  'GET /v1/admin/jobs': reads('admin'),
  'PUT /v1/admin/jobs/:name': writes('admin'),
  'POST /v1/admin/jobs/:name/run': writes('admin'),
  'POST /v1/admin/integrity': writes('admin'),
  'GET /v1/admin/integrity': reads('admin'),
  'POST /v1/admin/backups': writes('admin'),
  'GET /v1/admin/backups': reads('admin'),
  'POST /v1/admin/erasures': writes('admin'),
  'GET /v1/admin/erasures': reads('admin'),
  'GET /v1/admin/erasures/:id': reads('admin'),
  'GET /v1/admin/erasures/:id/certificate': reads('admin'),
  'GET /v1/admin/database': reads('admin'),
  'POST /v1/admin/quarantines': writes('admin'),
  'GET /v1/admin/quarantines': reads('admin'),
  'GET /v1/admin/quarantines/:id': reads('admin'),
  'DELETE /v1/admin/quarantines/:id': writes('admin'),
  'GET /v1/admin/quarantines/:id/contexts': reads('admin'),
  'POST /v1/admin/keys': writes('admin'),
  'GET /v1/admin/keys': reads('admin'),
  'GET /v1/admin/keys/:id': reads('admin'),
  'DELETE /v1/admin/keys/:id': writes('admin'),
  'POST /v1/admin/keys/:id/rotate': writes('admin'),
};
