import type { FastifyInstance } from 'fastify';
import { judge, type Principal } from '#access';

/** Fields of a memory that say from or into which others it was made. */
const ADDRESSES = ['published_from', 'consolidated_from', 'consolidated_into'];

/**
 * Takes out of answers where a memory came from and went to, as far as whoever asks has no right to know of it: what an app
 * shares may have been made of what a session alone knew.
 */
export function hideForeign(server: FastifyInstance): void {
  server.addHook('preSerialization', async ({ holder }, _, payload) =>
    holder === undefined || isUnbound(holder.principal) ? payload : withoutForeign(payload, holder.principal),
  );
}

const isUnbound = ({ role }: Principal): boolean => role === 'operator' || role === 'auditor';

function withoutForeign(value: unknown, who: Principal): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutForeign(item, who));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      ADDRESSES.includes(name) ? seen(inner, who) : withoutForeign(inner, who),
    ]),
  );
}

/** One address, or several of them. Of a session nobody knows here whose it is, so it is told to nobody who is bound. */
function seen(address: unknown, who: Principal): unknown {
  if (Array.isArray(address)) return address.filter((one) => seen(one, who) !== null);
  const [kind, name = ''] = String((address as { namespace?: string } | null)?.namespace).split(':');
  const scope =
    kind === 'user'
      ? { kind, user: name }
      : kind === 'app'
        ? { kind, app: name }
        : kind === 'project'
          ? { kind, project: name }
          : undefined;
  return scope !== undefined && judge(who, 'read', scope as never).allowed ? address : null;
}
