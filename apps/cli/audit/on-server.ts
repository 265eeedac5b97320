import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEvent } from '#audit-log';
import { EXIT, Failure } from '../failure.js';
import type { Rest } from '../rest.js';
import type { Auditor } from './auditor.js';

/** Seconds after which a feed that broke off is taken up again. */
const PAUSE = 1;

/** The log of a running server. */
export function auditServer(rest: Rest): Auditor {
  return {
    list: async (input) =>
      (await rest.get<Awaited<ReturnType<Auditor['list']>>>(`/v1/audit/events${query(input)}`)).body,
    show: async (position) => (await rest.get<AuditEvent>(`/v1/audit/events/${position}`)).body,
    follow: ({ after, ...filter }, signal) => follow(rest, after, query(filter), signal),
    export: (filter) => rest.text(`/v1/audit/export${query(filter)}`),
    diff: (input) => rest.list(`/v1/diff${query({ ...input, limit: 200 })}`),
    why: async (namespace, key) =>
      (await rest.get<never>(`/v1/memories/${encodeURIComponent(namespace)}/${encodeURIComponent(key)}/why`)).body,
    revert: async (operation, dry_run) =>
      (await rest.post<never>(`/v1/operations/${encodeURIComponent(operation)}/revert`, { dry_run })).body,
    checkpoint: () => whole(rest.text('/v1/audit/checkpoint')),
    publicKeys: () => whole(rest.text('/v1/audit/keys')),
    proof: (position) => whole(rest.text(`/v1/audit/events/${position}/proof`)),
    close: () => undefined,
  };
}

async function whole(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}

/** Server-sent events, taken up again where they broke off. */
async function* follow(
  rest: Rest,
  after: number | undefined,
  filter: string,
  signal: AbortSignal,
): AsyncIterable<AuditEvent> {
  let last = after ?? (await rest.get<{ position: number }>('/v1/audit/head')).body.position;
  while (!signal.aborted) {
    try {
      for await (const event of events(
        rest.text(`/v1/audit/feed${filter}`, { 'last-event-id': String(last) }, signal),
      )) {
        yield event;
        last = event.position;
        if (signal.aborted) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      // A server that is away comes back; one that refuses does not change its mind.
      if (error instanceof Failure && error.exit !== EXIT.unavailable) throw error;
    }
    await sleep(PAUSE * 1000, undefined, { signal }).catch(() => undefined);
  }
}

async function* events(pieces: AsyncIterable<string>): AsyncIterable<AuditEvent> {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined) yield JSON.parse(data) as AuditEvent;
    }
  }
}

function query(input: object): string {
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)] as [string, string]))}`;
}
