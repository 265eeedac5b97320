import { setTimeout as sleep } from 'node:timers/promises';
import type { RebuildReport } from '#projections';
import { EXIT, Failure } from '../failure.js';
import type { Interrupt } from '../interrupt.js';
import type { Rest } from '../rest.js';
import type { Desk } from './desk.js';

/** How often the operation is asked how far it is, in milliseconds. */
const ASK_EVERY = 200;

interface Operation {
  id: string;
  status: string;
  progress: { done: number; total: number };
  result: RebuildReport | null;
  error: string | null;
}

/** Projections of a running server. */
export function deskOnServer(rest: Rest, interrupt: Interrupt): Desk {
  const at = (name: string): string => `/v1/admin/projections/${encodeURIComponent(name)}`;
  return {
    list: async () => (await rest.get<Awaited<ReturnType<Desk['list']>>>('/v1/admin/projections')).body,
    parked: async (name) => (await rest.get<Awaited<ReturnType<Desk['parked']>>>(`${at(name)}/parked`)).body,
    retry: async (name) => (await rest.post<Awaited<ReturnType<Desk['retry']>>>(`${at(name)}/retry`)).body,
    rebuild: async (name, compareOnly, onProgress) => {
      const { body } = await rest.post<Operation>(`${at(name)}/rebuild`, { dry_run: compareOnly });
      for (let operation = body; ; operation = (await rest.get<Operation>(`/v1/operations/${body.id}`)).body) {
        onProgress(operation.progress);
        if (operation.result !== null) return operation.result;
        if (operation.status !== 'running') {
          throw new Failure(
            EXIT.data,
            'rebuild-failed',
            operation.error ?? `The rebuild ended as ${operation.status}.`,
          );
        }
        interrupt.check(`The server goes on: GET /v1/operations/${body.id} says how it ends.`);
        await sleep(ASK_EVERY);
      }
    },
  };
}
