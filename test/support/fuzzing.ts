import * as fc from 'fast-check';
import { operationsOf, Promises, type AnswerSeen, type ApiDocument, type Operation } from './openapi.js';
import { kindIn, KNOWN, Requests, type DrawnRequest } from './requests.js';

/** A request as it was sent, and what came of it. */
export interface Exchange extends AnswerSeen {
  drawn: DrawnRequest;
  id: string;
  url: string;
  body?: string;
  headers: Headers;
}

export interface Fuzz {
  url: string;
  seed: number;
  runs: number;
  /** Sent with every request, for instance a key. */
  headers?: Record<string, string>;
  /** Whether it also asks for what belongs to `victim`. */
  trespass?: boolean;
  /** What is wrong with an answer, beyond what the document says. */
  judge(exchange: Exchange): string | undefined;
}

export interface Fuzzed {
  /** What was wrong, each with the request that brought it up. */
  flaws: string[];
  exchanges: number;
  /** Names of operations that did what was asked. */
  done: Set<string>;
  /** Ids of requests that were refused: they must not have written anything. */
  refused: Set<string>;
}

/** What no answer may show: the inside of the program. */
const INSIDE =
  /Sqlite|SQLITE_|node_modules|\.[jt]s:\d+|(?:Type|Range|Reference|Syntax)Error|\bat (?:async )?[\w.<]+ \((?:file:|node:|\/)|FST_ERR|\[object/;

/**
 * Sends requests drawn from a server's own OpenAPI document, one after the other, each operation as often as the
 * others, and holds every answer against that document. The same seed draws the same requests.
 */
export async function fuzz({ url, seed, runs, headers = {}, trespass = false, judge }: Fuzz): Promise<Fuzzed> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as ApiDocument;
  const requests = new Requests(document, trespass);
  const promises = new Promises(document);
  const operations = operationsOf(document);
  const each = Math.ceil(runs / operations.length);
  const drawn = operations.map((operation, n) => fc.sample(requests.of(operation), { seed: seed + n, numRuns: each }));
  const result: Fuzzed = { flaws: [], exchanges: 0, done: new Set(), refused: new Set() };
  const names = new Names();
  for (let round = 0; round < each; round++) {
    for (const [n, operation] of operations.entries()) {
      const exchange = await send(url, drawn[n]![round]!, names, headers, `fuzz-${seed}-${n}-${round}`);
      result.exchanges += 1;
      if (exchange.status < 400) {
        result.done.add(operation.name);
        names.learn(operation, exchange);
        // A name that the request gave itself may be another's as well.
      } else if (exchange.drawn.headers['x-request-id'] === undefined) result.refused.add(exchange.id);
      const flaw = flawIn(exchange, promises) ?? judge(exchange);
      if (flaw !== undefined) result.flaws.push(`${flaw}\n  ${told(exchange)}`);
    }
  }
  return result;
}

function flawIn({ status, type, text, headers, id, drawn }: Exchange, promises: Promises): string | undefined {
  if (status >= 500 && status !== 503 && status !== 507) return `${drawn.operation.name} answered ${status}: ${text}`;
  if (status >= 400) {
    const inside = INSIDE.exec(text);
    if (inside !== null) return `${drawn.operation.name} shows the inside: ${text.slice(0, 500)}`;
    const { request_id } = JSON.parse(text) as { request_id: string };
    if (request_id !== headers.get('x-request-id')) return `${drawn.operation.name} does not name the request: ${text}`;
  } else if (drawn.headers['x-request-id'] === undefined && headers.get('x-request-id') !== id)
    return `${drawn.operation.name} does not name the request`;
  return promises.brokenBy(drawn.operation, { status, type, text });
}

async function send(
  base: string,
  drawn: DrawnRequest,
  names: Names,
  common: Record<string, string>,
  id: string,
): Promise<Exchange> {
  const { operation, query, path } = drawn;
  const filled = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encoded(names.in(path[name]!)));
  const asked = query.map(([name, value]) => `${encoded(name)}=${encoded(names.in(value))}`).join('&');
  const url = `${filled}${asked === '' ? '' : `?${asked}`}`;
  const body = drawn.body === undefined ? undefined : names.in(drawn.body);
  const abort = new AbortController();
  const answer = await fetch(`${base}${url}`, {
    method: operation.method.toUpperCase(),
    headers: { 'x-request-id': id, ...common, ...drawn.headers },
    body: operation.method === 'get' ? undefined : body,
    signal: abort.signal,
    redirect: 'manual',
  });
  const { status, headers } = answer;
  const type = headers.get('content-type');
  // An answer without an end is not read to its end.
  const endless = type?.startsWith('text/event-stream') === true;
  const text = endless ? '' : await answer.text();
  if (endless) abort.abort();
  return { drawn, id: headers.get('x-request-id') ?? id, url, body, status, type, text, headers };
}

/** Percent-encoded; what is no Unicode has no code, so that it is sent as the sign for it. */
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed()).replace(/^\.{1,2}$/, '%2e$&');

const told = ({ drawn, url, body, status, text }: Exchange): string =>
  [
    `${drawn.operation.method.toUpperCase()} ${url.slice(0, 400)} ${JSON.stringify(drawn.headers).slice(0, 300)} ${(body ?? '').slice(0, 600)}`,
    `${drawn.mutation ?? 'as described'} → ${status} ${text.slice(0, 300)}`,
  ].join('\n  ');

/** What the server has told of so far: later requests ask for it. */
class Names {
  private readonly known = new Map<string, string[]>();

  in(text: string): string {
    return text.replace(KNOWN, (_, kind: string, n: string) => {
      const names = this.known.get(kind) ?? [];
      return names.length === 0 ? n : names[names.length - 1 - (Number(n) % names.length)]!;
    });
  }

  learn({ path, method, operation }: Operation, { id, status, text, type }: Exchange): void {
    if (type?.startsWith('application/json') !== true || text === '') return;
    const body = JSON.parse(text) as Record<string, unknown>;
    const kind = status === 202 ? 'operations' : kindIn(path);
    const things = Array.isArray(body['items']) ? (body['items'] as Record<string, unknown>[]) : [body];
    for (const thing of things) this.add(kind, thing[`${kind.slice(0, -1)}_id`] ?? thing['id'] ?? thing['name']);
    this.add(`cursors-${operation.operationId}`, body['next_cursor']);
    this.add('searches', body['search_id']);
    if (method !== 'get') this.add('correlations', id);
  }

  private add(kind: string, name: unknown): void {
    if ((typeof name !== 'string' && typeof name !== 'number') || /victim/.test(String(name))) return;
    const names = this.known.get(kind) ?? [];
    this.known.set(kind, [...names.slice(-40), String(name)]);
  }
}
