import type { Operation } from '#operations';
import type { RebuildReport } from '#projections';
import { EXIT, Failure } from '../failure.js';
import { ended } from '../follow.js';
import type { Interrupt } from '../interrupt.js';
import type { Rest } from '../rest.js';
import type { Desk } from './desk.js';

/** Projections of a running server. */
export function deskOnServer(rest: Rest, interrupt: Interrupt): Desk {
  const at = (name: string): string => `/v1/admin/projections/${encodeURIComponent(name)}`;
  return {
    list: async () => (await rest.get<Awaited<ReturnType<Desk['list']>>>('/v1/admin/projections')).body,
    parked: async (name) => (await rest.get<Awaited<ReturnType<Desk['parked']>>>(`${at(name)}/parked`)).body,
    retry: async (name) => (await rest.post<Awaited<ReturnType<Desk['retry']>>>(`${at(name)}/retry`)).body,
    rebuild: async (name, compareOnly, onProgress) => {
      const { body: begun } = await rest.post<Operation>(`${at(name)}/rebuild`, { dry_run: compareOnly });
      const { status, result, error } = await ended(rest, begun, { interrupt, onProgress });
      if (status === 'succeeded') return result as RebuildReport;
      throw new Failure(EXIT.data, 'rebuild-failed', error ?? `The rebuild ended as ${status}.`);
    },
  };
}
