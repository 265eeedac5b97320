import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from '#kernel';
import { EXIT, Failure } from './failure.js';

/** What the server answered, where it was not a problem. */
export interface Answer<T> {
  status: number;
  body: T;
}

/** A problem that the server reported. */
export class Refused extends Failure {
  constructor(
    readonly status: number,
    code: string,
    message: string,
    hint?: string,
  ) {
    super(exitOf(status), code, message, hint);
  }
}

/** The same as of the same refusal by the file. */
function exitOf(status: number): number {
  if (status === 404) return EXIT.no;
  if (status === 401 || status === 403) return EXIT.noPermission;
  return status === 503 || status === 507 ? EXIT.unavailable : EXIT.data;
}

/** The key of whoever calls, where there is one. */
function shownKey(): Record<string, string> {
  const key = process.env['ABATHUR_API_KEY'];
  return key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` };
}

/** How often a busy server is asked again. */
const ATTEMPTS = 6;

/** The REST API as its clients see it: JSON in and out, problems as errors, a busy server asked again. */
export class Rest {
  private readonly base: string;

  constructor(
    url: string,
    private readonly signal: AbortSignal,
  ) {
    this.base = url.replace(/\/+$/, '');
  }

  get<T>(path: string): Promise<Answer<T>> {
    return this.ask('GET', path);
  }

  /** Health answers with 503 when it is bad, and says what is. */
  async getWhateverStatus<T>(path: string): Promise<Answer<T>> {
    const response = await this.send('GET', path);
    if (response.headers.get('content-type')?.startsWith('application/json') !== true) return this.read(response);
    return { status: response.status, body: (await response.json()) as T };
  }

  post<T>(path: string, body?: object): Promise<Answer<T>> {
    return body === undefined
      ? this.ask('POST', path)
      : this.ask('POST', path, JSON.stringify(body), 'application/json');
  }

  delete(path: string): Promise<Answer<null>> {
    return this.ask('DELETE', path);
  }

  put<T>(path: string, body: object): Promise<Answer<T>> {
    return this.ask('PUT', path, JSON.stringify(body), 'application/json');
  }

  postLines<T>(path: string, lines: object[]): Promise<Answer<T>> {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    return this.postText(path, text);
  }

  /** Lines that are there already. */
  postText<T>(path: string, lines: string): Promise<Answer<T>> {
    return this.ask('POST', path, lines, 'application/x-ndjson');
  }

  /** An answer that is too long to hold, as it comes. */
  async stream(path: string): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.send('GET', path);
    if (!response.ok || response.headers.get('content-type')?.startsWith('application/x-ndjson') !== true)
      await this.read(response);
    return response.body!;
  }

  /** An answer that goes on for long, as text that comes in pieces. */
  async *text(path: string, headers: Record<string, string> = {}, stop?: AbortSignal): AsyncIterable<string> {
    const response = await this.send('GET', path, undefined, undefined, headers, stop);
    if (!response.ok) await this.read(response);
    const decoder = new TextDecoder();
    for await (const bytes of response.body!) yield decoder.decode(bytes, { stream: true });
  }

  /** All items of a list, page by page. */
  async *list<T>(path: string): AsyncIterable<T[]> {
    let cursor: string | null = null;
    do {
      const from: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { body }: Answer<Page<T>> = await this.get(`${path}${from}`);
      yield body.items;
      cursor = body.next_cursor;
    } while (cursor !== null);
  }

  private async ask<T>(method: string, path: string, body?: string, type?: string): Promise<Answer<T>> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.send(method, path, body, type);
      const busy = response.status === 503 || response.status === 429;
      if (!busy || attempt === ATTEMPTS) return this.read(response);
      await response.body?.cancel();
      const seconds = Math.min(Number(response.headers.get('retry-after') ?? 1) || 1, 10);
      await sleep(seconds * 1000, undefined, { signal: this.signal });
    }
  }

  private async send(
    method: string,
    path: string,
    body?: string,
    type?: string,
    more: Record<string, string> = {},
    stop?: AbortSignal,
  ): Promise<Response> {
    const signal = stop === undefined ? this.signal : AbortSignal.any([this.signal, stop]);
    try {
      const headers = { ...shownKey(), ...(type !== undefined && { 'content-type': type }), ...more };
      return await fetch(this.base + path, { method, body, headers, signal, redirect: 'error' });
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = ((error as Error).cause as { code?: string } | undefined)?.code ?? (error as Error).message;
      throw new Failure(
        EXIT.unavailable,
        'no-server',
        `No server answers at ${this.base} (${reason}).`,
        'Start one with npm start, or say where it is with --url.',
      );
    }
  }

  private async read<T>(response: Response): Promise<Answer<T>> {
    const { status } = response;
    const type = response.headers.get('content-type') ?? '';
    if (status === 204) return { status, body: null as T };
    if (response.ok && type.startsWith('application/json')) return { status, body: (await response.json()) as T };
    if (!type.startsWith('application/problem+json')) {
      throw new Failure(
        EXIT.unavailable,
        'another-server',
        `What answers at ${this.base} is not Abathur Memory: ${status} ${type}`.trimEnd() + '.',
        'Say where it is with --url.',
      );
    }
    const { code, title, detail, hint } = (await response.json()) as {
      code: string;
      title: string;
      detail?: string;
      hint?: string;
    };
    throw new Refused(status, code, `The server refused: ${detail ?? title} (${status} ${code})`, hint);
  }
}
