import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, Failure } from '../failure.js';
import { Mismatch } from './mismatch.js';

/** What the deployment answered. */
export interface Heard {
  /** `GET /v1/…`, for messages. */
  asked: string;
  status: number;
  // Whatever JSON it was: each case looks at what it knows of.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
  text: string;
  headers: Headers;
  /** From asking to the last byte of the answer. */
  ms: number;
}

export interface Asking {
  body?: object;
  /** A body that is sent as it is. */
  raw?: string;
  headers?: Record<string, string>;
  /** Ask without the key, or with another one. */
  key?: string | null;
}

/** Milliseconds that one request may take, and that something in the background may take to come. */
const PATIENCE = 30_000;
const LOOK_EVERY = 50;
/** How often a busy deployment is asked again. */
const ATTEMPTS = 8;

/**
 * The deployment as a client sees it, and a corner of it that is this run's own: an app, a user, a project, namespaces, ids
 * and paths with the run's name in them. Nothing else is ever written to or deleted.
 */
export class World {
  readonly name = `smoke-${randomBytes(5).toString('hex')}`;
  readonly app = 'abathur-smoke';
  readonly user = this.name;
  /** Nothing is made of what ends in the sessions of a user with a colon in the name. */
  readonly quietUser = `${this.name}:quiet`;
  readonly root = `user:${this.name}`;
  /** Tasks that were submitted, sessions that were opened. */
  readonly tasks = new Set<string>();
  readonly sessions = new Set<string>();
  /** How many writes were answered: as many entries, or more, are in the log. */
  writes = 0;
  private count = 0;
  private readonly base: string;

  constructor(
    url: string,
    readonly key: string | undefined,
    /** How many times their limits the measured cases may take. */
    readonly allowance: number,
    private readonly signal: AbortSignal,
  ) {
    this.base = url.replace(/\/+$/, '');
  }

  get url(): string {
    return this.base;
  }

  /** A name nobody has used. */
  id(what: string): string {
    return `${this.name}-${what}-${++this.count}`;
  }

  /** A namespace of this run that nothing is in. */
  namespace(what: string): string {
    return `${this.root}:${what}-${++this.count}`;
  }

  get(path: string, asking?: Asking): Promise<Heard> {
    return this.ask('GET', path, asking);
  }

  post(path: string, body?: object, headers?: Record<string, string>): Promise<Heard> {
    return this.ask('POST', path, { body, headers });
  }

  put(path: string, body: object, headers?: Record<string, string>): Promise<Heard> {
    return this.ask('PUT', path, { body, headers });
  }

  delete(path: string): Promise<Heard> {
    return this.ask('DELETE', path);
  }

  /** Opens a session and returns its id. */
  async session(user = this.user): Promise<string> {
    const session_id = this.id('session');
    await this.made(this.post('/v1/sessions', { session_id, app_name: this.app, user_id: user }));
    return session_id;
  }

  say(session_id: string, text: string, more: object = {}): Promise<Heard> {
    const event = { event_type: 'message', actor: 'user', content: { text }, ...more };
    return this.post(`/v1/sessions/${session_id}/events`, event);
  }

  /** Puts a memory, whatever comes of it. */
  write(namespace: string, key: string, value: object, more: object = {}): Promise<Heard> {
    return this.put(memoryPath(namespace, key), { value, ...more });
  }

  /** Writes a memory that a case needs. */
  remember(namespace: string, key: string, value: object, more: object = {}): Promise<Heard> {
    return this.made(this.write(namespace, key, value, more));
  }

  /** Asks once; a busy deployment is asked again when it says. */
  async ask(method: string, path: string, asking: Asking = {}): Promise<Heard> {
    for (let attempt = 1; ; attempt++) {
      const heard = await this.send(method, path, asking);
      const busy = heard.status === 429 || (heard.status === 503 && heard.headers.has('retry-after'));
      if (busy && path.startsWith('/v1/') && attempt < ATTEMPTS) {
        const seconds = Math.min(Number(heard.headers.get('retry-after')) || 1, 5);
        await sleep(seconds * 1000, undefined, { signal: this.signal });
        continue;
      }
      if (heard.headers.has('x-position')) this.note(method, path, asking);
      return heard;
    }
  }

  /** Looks until it is as hoped for; what comes in the background takes a moment. Returns whether it came. */
  async waitFor(look: () => Promise<boolean>, patience = PATIENCE): Promise<boolean> {
    for (const begin = performance.now(); performance.now() - begin < patience;) {
      if (await look()) return true;
      await sleep(LOOK_EVERY, undefined, { signal: this.signal });
    }
    return false;
  }

  async until(what: string, look: () => Promise<boolean>): Promise<void> {
    if (!(await this.waitFor(look))) throw new Mismatch(`${what} did not come about within ${PATIENCE / 1000} s`);
  }

  /** Waits for work that outlasts its request; `null` when it takes longer than this. */
  async operation(id: string, patience = PATIENCE): Promise<Heard['body'] | null> {
    let operation: Heard['body'] | null = null;
    await this.waitFor(async () => {
      const { body, status } = await this.get(`/v1/operations/${id}`);
      if (status === 200 && body.status !== 'running') operation = body;
      return operation !== null;
    }, patience);
    return operation;
  }

  /** An answer that has no end, as it comes. */
  async stream(path: string, stop: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const signal = AbortSignal.any([this.signal, stop]);
    const response = await fetch(this.base + path, { headers: this.headers({}), signal, redirect: 'error' });
    if (response.ok && response.body !== null) return response.body;
    throw new Mismatch(`GET ${path} answered ${response.status}`);
  }

  /** What a case only prepares with must succeed. */
  private async made(asked: Promise<Heard>): Promise<Heard> {
    const heard = await asked;
    if (heard.status === 200 || heard.status === 201) return heard;
    throw new Mismatch(`${heard.asked} answered ${heard.status}: ${heard.text.slice(0, 300)}`);
  }

  private async send(method: string, path: string, { body, raw, headers = {}, key }: Asking): Promise<Heard> {
    const begin = performance.now();
    const text = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const all = {
      ...this.headers({ key }),
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    };
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(PATIENCE)]);
    const asked = `${method} ${path}`;
    try {
      const response = await fetch(this.base + path, { method, body: text, headers: all, signal, redirect: 'error' });
      const answer = await response.text();
      const ms = performance.now() - begin;
      return {
        asked,
        status: response.status,
        body: parsed(response, answer),
        text: answer,
        headers: response.headers,
        ms,
      };
    } catch (error) {
      if (this.signal.aborted) throw error;
      const reason = ((error as Error).cause as { code?: string } | undefined)?.code ?? (error as Error).message;
      throw new Failure(
        EXIT.unavailable,
        'no-server',
        `${asked} was not answered by ${this.base} (${reason}).`,
        'Is it running? Say where it is with --url.',
      );
    }
  }

  private headers({ key = this.key }: Pick<Asking, 'key'>): Record<string, string> {
    return key === undefined || key === null ? {} : { authorization: `Bearer ${key}` };
  }

  /** Remembers what cannot be found again by the run's name alone. */
  private note(method: string, path: string, { body }: Asking): void {
    this.writes += 1;
    const { session_id, task_id } = (body ?? {}) as { session_id?: string; task_id?: string };
    if (method === 'POST' && path === '/v1/sessions' && session_id !== undefined) this.sessions.add(session_id);
    if (method === 'POST' && path === '/v1/tasks' && task_id !== undefined) this.tasks.add(task_id);
  }
}

export const memoryPath = (namespace: string, key: string): string =>
  `/v1/memories/${encodeURIComponent(namespace)}/${encodeURIComponent(key)}`;

function parsed(response: Response, text: string): unknown {
  if (!/json/.test(response.headers.get('content-type') ?? '')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Mismatch(`${response.url} answered what is not JSON: ${text.slice(0, 100)}`);
  }
}
