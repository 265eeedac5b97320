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

/** What a request needs the right to, by what it names. */
export type Demands = (asked: Asked, owners: Owners) => Demand[];

/** The one that the path names. */
export const one =
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

export const openSession: Demands = ({ body }, owners) => {
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

export const fork: Demands = (asked, owners) => [
  ...one('session', 'write')(asked, owners),
  ...freeId((asked.body as Record<string, unknown> | undefined)?.['session_id'], owners),
];

export const appendEvents: Demands = (asked, owners) => {
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

export const setState: Demands = (asked, owners) => {
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

export const readMemory: Demands = ({ params, query }, owners) => {
  const { namespace, key } = params as { namespace: string; key: string };
  const version = query['version'] ?? query['from'];
  const which = version === undefined ? '' : ` version ${String(version)}`;
  return inNamespace('read', namespace, owners, () => notFound('memory', `${namespace}/${key}${which}`));
};

export const writeMemory: Demands = ({ params, body }, owners) =>
  writtenMemory({ ...body, namespace: params['namespace'] }, owners);

export const publish: Demands = ({ body }, owners) => [
  ...inNamespace('read', body['from_namespace'], owners, () =>
    notFound('memory', `${String(body['from_namespace'])}/${String(body['key'])}`),
  ),
  ...inNamespace('write', body['to_namespace'], owners),
];

/** Gets and searches among them are filtered where they are read. */
export const batch: Demands = ({ body }, owners) =>
  (body['operations'] as Record<string, unknown>[]).flatMap((operation) =>
    ['put', 'add', 'delete'].includes(operation['op'] as string) ? writtenMemory(operation, owners) : [],
  );

export const refine: Demands = (asked, owners) => [
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

export const synthesize: Demands = ({ body }, owners) => {
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

export const submitTask: Demands = ({ body }, owners) => {
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

export const changeTask: Demands = (asked, owners) => [
  ...one('task', 'write')(asked, owners),
  ...procedureOf(asked.body['procedure'], owners),
];

export const registerAgent: Demands = ({ body }, owners) => [
  ...taken('agent', body['agent_id'], owners),
  ...inSession('agent', body['session_id'], owners),
  ...reference('task', body['task_id'], owners),
];

export const changeAgent: Demands = (asked, owners) => [
  ...one('agent', 'write')(asked, owners),
  ...reference('task', asked.body['task_id'], owners),
];

/** A conflict is shown to who sees all of it, and settled by who may write all of it. */
export const readConflict: Demands = ({ params }, owners) => {
  const absent = (): DomainError => notFound('conflict', params['id']!);
  const scopes = scopesOfConflict(params['id']!, owners);
  return (scopes.length === 0 ? [undefined] : scopes).map((scope) => ({ ...read(scope), absent }));
};

export const resolveConflict: Demands = (asked, owners) => [
  ...readConflict(asked, owners),
  ...scopesOfConflict(asked.params['id']!, owners).map(write),
];

const scopesOfConflict = (id: string, owners: Owners): (Scope | undefined)[] =>
  owners.conflict(id).map((namespace) => ownerOf(namespace, owners)?.scope);

export const contextsOfSession: Demands = ({ query }, owners) => {
  const session_id = query['session_id'] as string | undefined;
  if (session_id === undefined) return [{ right: 'read', scope: { kind: 'audit' } }];
  return [{ right: 'read', scope: owners.session(session_id), absent: () => notFound('session', session_id) }];
};

/** It shows its session and its task. */
export const recordedContext: Demands = ({ params }, owners) => {
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
