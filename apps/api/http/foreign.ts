import type { FastifyInstance } from 'fastify';
import { judge, type Principal, type Scope } from '#access';
import type { Owners } from './route-rights.js';

/** Fields of a memory that say from or into which others it was made. */
const ADDRESSES = ['published_from', 'consolidated_from', 'consolidated_into'];
/** What clients have written themselves: whatever its fields are called, it is given back as it was. */
const CONTENT = ['value', 'metadata', 'content', 'state', 'state_delta'];

/**
 * Takes out of answers where a memory came from, where it went to and in which session it was written, as far as whoever
 * asks has no right to know of it: what an app shares may have been made of what a session alone knew.
 */
export function hideForeign(server: FastifyInstance, owners: Pick<Owners, 'session'>): void {
  server.addHook('preSerialization', async ({ holder }, _, payload) => {
    if (holder === undefined || isUnbound(holder.principal)) return payload;
    return new Sight(holder.principal, owners).shown(payload);
  });
}

const isUnbound = ({ role }: Principal): boolean => role === 'operator' || role === 'auditor';

/** What somebody may know of, for one answer. */
class Sight {
  private readonly sessions = new Map<string, boolean>();

  constructor(
    private readonly who: Principal,
    private readonly owners: Pick<Owners, 'session'>,
  ) {}

  /** The same object where nothing in it is hidden, as is so with most: a copy of every answer costs a fifth of a read. */
  shown(value: unknown): unknown {
    if (Array.isArray(value)) {
      const items = value.map((item) => this.shown(item));
      return items.every((item, index) => item === value[index]) ? value : items;
    }
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    const isMemory = 'memory_type' in value;
    const hidden = new Map<string, unknown>();
    for (const name of Object.keys(value)) {
      const inner = (value as Record<string, unknown>)[name];
      const seen = isMemory ? this.ofMemory(name, inner) : this.of(name, inner);
      if (seen !== inner) hidden.set(name, seen);
    }
    if (hidden.size === 0) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, hidden.has(name) ? hidden.get(name) : inner]),
    );
  }

  private of(name: string, inner: unknown): unknown {
    return CONTENT.includes(name) ? inner : this.shown(inner);
  }

  private ofMemory(name: string, inner: unknown): unknown {
    if (ADDRESSES.includes(name)) return this.address(inner);
    if (name === 'session_id') return typeof inner === 'string' && this.session(inner) ? inner : null;
    // Nobody who is bound can say that a memory is of a task: it was somebody else.
    if (name === 'task_id') return null;
    return this.of(name, inner);
  }

  /** One address, or several of them. */
  private address(address: unknown): unknown {
    if (Array.isArray(address)) return address.filter((one) => this.address(one) !== null);
    const [kind, name = ''] = String((address as { namespace?: string } | null)?.namespace).split(':');
    if (kind === 'session') return this.session(name) ? address : null;
    const scope = scopeOf(kind, name);
    return scope !== undefined && this.may(scope) ? address : null;
  }

  private session(id: string): boolean {
    let seen = this.sessions.get(id);
    if (seen === undefined) {
      const scope = this.owners.session(id);
      this.sessions.set(id, (seen = scope !== undefined && this.may(scope)));
    }
    return seen;
  }

  private may(scope: Scope): boolean {
    return judge(this.who, 'read', scope).allowed;
  }
}

function scopeOf(kind: string | undefined, name: string): Scope | undefined {
  if (kind === 'user') return { kind, user: name };
  if (kind === 'app') return { kind, app: name };
  return kind === 'project' ? { kind, project: name } : undefined;
}
