import { LRUCache } from 'lru-cache';
import { decideStep, type Decision, type SqliteAuditLog, type Written } from '#audit-log';
import { conflict, invalid, type Caller, type Page } from '#kernel';
import type { ReadSide } from '#storage';
import { apiKey } from './api-key.decider.js';
import { hasOperator, keyById, keyOf, keysPage, principalOf, type ApiKey } from './api-key.reads.js';
import type { KeyUses } from './key-uses.js';
import { isSame, macOf, makeKey, readKey, type SpelledKey } from './key.js';
import type { Principal, Right, Role } from './principal.js';

/** What a new key is to be. */
export interface NewKey {
  name: string;
  role: Role;
  app?: string;
  users?: string[];
  projects?: Record<string, Right>;
  /** ISO-8601 UTC; left out, in 90 days; `null`: never. */
  expires_at?: string | null;
}

/** A key that was just made, with its text, which nobody can be shown again. */
export interface CreatedKey extends ApiKey {
  /** `null` when the same request is answered again. */
  key: string | null;
}

const DAY = 24 * 3600 * 1000;
const LIFE = 90 * DAY;

/** Whose request it is. */
export interface KeyHolder {
  key_id: string;
  principal: Principal;
}

interface Shown extends Pick<SpelledKey, 'id'> {
  mac: Buffer;
}

/** Keys of clients: made, shown once, rotated, revoked, and recognised at each request. */
export class ApiKeys {
  constructor(
    private readonly log: Pick<SqliteAuditLog, 'execute'>,
    private readonly reads: Pick<ReadSide, 'point'>,
    /** What secrets are hashed with; asked for when the first key is made or shown. */
    private readonly pepperOf: () => Buffer,
    /** Stands in each key, so that one of a test is not taken for one of production. */
    private readonly environment: string,
    /** Told of each key that is shown and counts. */
    private readonly uses?: Pick<KeyUses, 'note'>,
  ) {}

  private held: Buffer | undefined;
  private readonly principals = new LRUCache<number, Principal>({ max: 1000 });
  /** Keys that counted when they were shown before, with what is kept of their secrets: that never changes. */
  private readonly shown = new LRUCache<string, Shown>({ max: 1000 });

  private get pepper(): Buffer {
    return (this.held ??= this.pepperOf());
  }

  /**
   * Who shows a key: `undefined` alike for what is no key, for one that is unknown, has expired or was revoked, and for
   * a wrong secret. Asked anew each time, so a revocation counts at once in every process.
   */
  holder(text: string, now: string): KeyHolder | undefined {
    const before = this.shown.get(text);
    const shown = before ?? this.read(text);
    if (shown === undefined) return undefined;
    const known = this.reads.point(keyOf, { key_id: shown.id, now });
    const kept = known === null ? undefined : Buffer.from(known.mac, 'base64url');
    if (!isSame(shown.mac, kept) || known === null) return undefined;
    if (before === undefined) this.shown.set(text, shown);
    this.uses?.note(known.id, now);
    return { key_id: shown.id, principal: this.principalOf(known.id) };
  }

  private read(text: string): Shown | undefined {
    const spelled = readKey(text);
    return spelled && { id: spelled.id, mac: macOf(spelled.secret, this.pepper) };
  }

  /** By the position that made the key, so never that of another one. */
  private principalOf(id: number): Principal {
    let principal = this.principals.get(id);
    if (principal === undefined) this.principals.set(id, (principal = this.reads.point(principalOf, id)));
    return principal;
  }

  /** Whether there is anybody who may make keys. */
  hasOperator(now: string): boolean {
    return this.reads.point(hasOperator, now);
  }

  async create(by: Caller, asked: NewKey, replaces: string | null = null): Promise<Written<CreatedKey>> {
    const { name, role } = asked;
    const expires_at = endOf(asked.expires_at, by.time);
    return this.make(by, { name, role, ...boundOf(asked), expires_at, replaces });
  }

  /** A new key for the same, and the end of the old one after `overlap` milliseconds: both count meanwhile. */
  async rotate(by: Caller, id: string, overlap = DAY): Promise<Written<CreatedKey>> {
    const { name, role, app, users, projects, status } = this.get(by, id);
    if (status !== 'active') throw conflict('key-ended', `Key ${id} is ${status}.`, 'Create a new one.');
    const ends = new Date(Date.parse(by.time) + overlap).toISOString();
    const shorten = decideStep(apiKey, { type: 'ShortenKey', key_id: id, expires_at: ends });
    const expires_at = endOf(undefined, by.time);
    return this.make(by, { name, role, app, users, projects, expires_at, replaces: id }, [shorten]);
  }

  async revoke(by: Caller, id: string): Promise<Written<null>> {
    const step = decideStep(apiKey, { type: 'RevokeKey', key_id: id }, { expected: by.if_match });
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { version, position } = results[0] as Decision;
    return { value: null, version, position, repeated: replayed };
  }

  get(by: Pick<Caller, 'time'>, id: string): ApiKey {
    return this.reads.point(keyById, { id, now: by.time });
  }

  list(by: Pick<Caller, 'time'>, page: { limit: number; cursor?: string }): Page<ApiKey> {
    return this.reads.point(keysPage, { ...page, now: by.time });
  }

  private async make(
    by: Caller,
    what: Omit<Parameters<typeof newKeyStep>[0], 'key_id' | 'mac'>,
    further: ReturnType<typeof newKeyStep>[] = [],
  ): Promise<Written<CreatedKey>> {
    const { id, secret, text } = makeKey(this.environment);
    const mac = macOf(secret, this.pepper).toString('base64url');
    const steps = [newKeyStep({ key_id: id, mac, ...what }), ...further];
    const { results, replayed } = await this.log.execute({ caller: by, steps });
    const { stream, version, position } = results[0] as Decision;
    const key_id = stream.slice('key:'.length);
    return {
      value: { ...this.get(by, key_id), key: replayed ? null : text },
      version,
      position,
      repeated: replayed,
    };
  }
}

const newKeyStep = (data: Omit<Extract<Parameters<typeof apiKey.decide>[0], { type: 'CreateKey' }>, 'type'>) =>
  decideStep(apiKey, { type: 'CreateKey', ...data });

function boundOf({ role, app, users = [], projects = {} }: NewKey): {
  app: string | null;
  users: string[];
  projects: Record<string, Right>;
} {
  if (role === 'auditor' || role === 'operator') {
    if (app !== undefined || users.length > 0 || Object.keys(projects).length > 0)
      throw invalid(
        'role',
        `${role} is bound to no app, users or projects`,
        'Leave these out, or choose agent or service.',
      );
    return { app: null, users: [], projects: {} };
  }
  if (app === undefined) throw invalid('app', `is needed: the ${role} key is bound to one`);
  if (role === 'agent' && users.length !== 1)
    throw invalid('users', 'must be one: an agent acts for one user', 'Several users are for a service key.');
  return { app, users, projects };
}

function endOf(asked: string | null | undefined, now: string): string | null {
  if (asked === undefined) return new Date(Date.parse(now) + LIFE).toISOString();
  if (asked !== null && asked <= now) throw invalid('expires_at', 'has passed already');
  return asked;
}
