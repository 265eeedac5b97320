import type { FastifyInstance } from 'fastify';
import { judge, type Principal, type Scope } from '#access';
import type { Owners } from './demands.js';

type Naming = 'address' | 'namespace' | 'session' | 'task';

/** By a field that nothing else has: which fields of memories, tasks and agents name others, and what. */
const NAMING: Record<string, Record<string, Naming>> = {
  memory_type: {
    published_from: 'address',
    consolidated_from: 'address',
    consolidated_into: 'address',
    session_id: 'session',
    task_id: 'task',
  },
  open_dependencies: {
    parent_task_id: 'task',
    dependencies: 'task',
    procedure: 'address',
    outcome_namespace: 'namespace',
  },
  spawned_at: { task_id: 'task' },
};
const MARKS = Object.keys(NAMING);

/** What clients have written themselves: whatever its fields are called, it is given back as it was. */
const CONTENT = ['value', 'metadata', 'content', 'state', 'state_delta', 'input_data', 'result_data', 'resource_usage'];

/**
 * Takes out of answers where a memory came from, where it went to and in which session or task it was written, and which
 * others a task or agent names, as far as whoever asks has no right to know of it: what an app shares may have been made of
 * what a session alone knew.
 */
export function hideForeign(server: FastifyInstance, owners: Sighted): void {
  server.addHook('preSerialization', ({ holder }, _, payload, done) => {
    const sees = holder === undefined || isUnbound(holder.principal);
    done(null, sees ? payload : new Sight(holder.principal, owners).shown(payload));
  });
}

type Sighted = Pick<Owners, 'session' | 'task'>;

const isUnbound = ({ role }: Principal): boolean => role === 'operator' || role === 'auditor';

/** What somebody may know of, for one answer. */
class Sight {
  private readonly known = new Map<string, boolean>();

  constructor(
    private readonly who: Principal,
    private readonly owners: Sighted,
  ) {}

  /** The same object where nothing in it is hidden, as is so with most: a copy of every answer costs a fifth of a read. */
  shown(value: unknown): unknown {
    if (Array.isArray(value)) {
      const items = value.map((item) => this.shown(item));
      return items.every((item, index) => item === value[index]) ? value : items;
    }
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    const mark = MARKS.find((field) => field in value);
    const naming = mark === undefined ? undefined : NAMING[mark]!;
    const hidden = new Map<string, unknown>();
    for (const [name, inner] of Object.entries(value)) {
      const seen = this.field(name, inner, naming?.[name]);
      if (seen !== inner) hidden.set(name, seen);
    }
    if (hidden.size === 0) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, hidden.has(name) ? hidden.get(name) : inner]),
    );
  }

  private field(name: string, inner: unknown, what: Naming | undefined): unknown {
    if (what !== undefined) return this.named(what, inner);
    return CONTENT.includes(name) ? inner : this.shown(inner);
  }

  /** One that is named, or several of them. */
  private named(what: Naming, named: unknown): unknown {
    if (Array.isArray(named)) {
      const seen = named.filter((one) => this.named(what, one) !== null);
      return seen.length === named.length ? named : seen;
    }
    if (named === null || named === undefined) return named;
    const text = what === 'address' ? (named as { namespace: string }).namespace : (named as string);
    const id = `${what} ${text}`;
    const seen = this.known.get(id) ?? this.may(this.scopeOf(what, text));
    this.known.set(id, seen);
    return seen ? named : null;
  }

  private scopeOf(what: Naming, text: string): Scope | undefined {
    if (what === 'session' || what === 'task') return this.owners[what](text);
    const [kind, name = ''] = text.split(':');
    return kind === 'session' ? this.owners.session(name) : scopeOf(kind, name);
  }

  private may(scope: Scope | undefined): boolean {
    return scope !== undefined && judge(this.who, 'read', scope).allowed;
  }
}

function scopeOf(kind: string | undefined, name: string): Scope | undefined {
  if (kind === 'user') return { kind, user: name };
  if (kind === 'app') return { kind, app: name };
  return kind === 'project' ? { kind, project: name } : undefined;
}
