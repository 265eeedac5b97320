import {
  canonicalJson,
  conflict,
  invalid,
  notFound,
  streamName,
  versionConflict,
  type About,
  type Decider,
  type DomainError,
  type JsonObject,
} from '#kernel';
import {
  expiry,
  type ExpiryReason,
  type MemoryEvent,
  type MemoryRef,
  type MemoryType,
  type MemoryWritten,
} from './memory.events.js';

interface Address {
  namespace: string;
  key: string;
  /** Version of the memory that the writer has seen (`If-Match`). */
  if_match?: number;
}

export interface MemoryContent {
  memory_type: MemoryType;
  value: JsonObject;
  metadata: JsonObject;
}

export type MemoryCommand =
  | ({
      type: 'WriteMemory';
      /** `add` refuses an address that is taken, `put` makes a new version of it. */
      mode: 'add' | 'put';
      value: JsonObject;
      /** What is left out stays as it is; on a new memory: semantic, no metadata, the default life time. */
      memory_type?: MemoryType;
      metadata?: JsonObject;
      ttl_seconds?: number;
      /** When it ends, ISO-8601 UTC, in place of `ttl_seconds`. */
      expires_at?: string;
      actor?: string;
      task_id?: string | null;
      session_id?: string | null;
    } & Address)
  | ({ type: 'DeleteMemory' } & Address)
  /** Takes a deletion back, or, with `rollback`, gives the memory an earlier version's content again. */
  | ({ type: 'RestoreMemory'; rollback?: { version: number; content: MemoryContent } } & Address)
  /** Lets a version fade that is seen to be too old; nothing happens when it is not what is there any more. */
  | ({ type: 'ExpireMemory'; version: number; reason: ExpiryReason } & Address)
  | ({ type: 'PublishMemory'; source: MemoryRef; content: MemoryContent } & Address)
  /** Writes what several memories came to. `from` may name versions of this very address. */
  | ({ type: 'ConsolidateMemory'; content: MemoryContent; expires_at: string | null; from: MemoryRef[] } & Address)
  | ({ type: 'SupersedeMemory'; into: MemoryRef } & Address)
  | ({ type: 'ArchiveMemory' } & Address)
  | ({ type: 'FlagMemory'; conflict_id: string } & Address)
  | ({ type: 'ReviewMemory'; conflict_id: string } & Address)
  /** Makes it what it was at an earlier time: content, end of life, and what it was marked with. */
  | ({ type: 'RevertMemory'; to: MemoryState } & Address);

export type MemoryState =
  | { held: false }
  | (MemoryContent & {
      held: true;
      deleted: boolean;
      version: number;
      entry_id: number;
      /** The version that it went into. */
      superseded: MemoryRef | null;
      archived: boolean;
      /** Conflicts that somebody has to look at. */
      flags: string[];
      consolidated_from: MemoryRef[];
    } & Life);

interface Life {
  ttl_seconds: number | null;
  expires_at: string | null;
}

/** Episodic memories fade, by default after 90 days; the others stay until somebody deletes them. */
export const EPISODIC_TTL_SECONDS = 90 * 24 * 3600;

export const memoryStream = (namespace: string, key: string): string => streamName('memory', namespace, key);

/** The rules, with the life time of episodic memories that the house has chosen, in seconds. */
export const memoryWith = (episodicTtl: number): Decider<MemoryCommand, MemoryEvent, MemoryState> => ({
  name: 'memory',
  initial: { held: false },
  stream: ({ namespace, key }) => memoryStream(namespace, key),

  decide(command, state, { time }) {
    const { namespace, key } = command;
    const address = `${namespace}/${key}`;
    const alive = state.held && !state.deleted && !hasEnded(state, time) ? state : undefined;
    const ttlOf = (type: MemoryType): number | null => (type === 'episodic' ? episodicTtl : null);
    // Of a consolidation that has happened, the version that it was made on is gone.
    if (command.type === 'ConsolidateMemory' && alive !== undefined && isMadeOf(alive, command)) return [];
    if (command.if_match !== undefined && command.if_match !== (alive?.version ?? 0)) {
      throw versionConflict(address, `version ${command.if_match}`, alive?.version ?? null);
    }
    switch (command.type) {
      case 'WriteMemory': {
        if (command.mode === 'add' && alive !== undefined) {
          throw conflict('memory-exists', `${address} holds a memory already.`, 'PUT makes a new version of it.');
        }
        const memory_type = command.memory_type ?? alive?.memory_type ?? 'semantic';
        const metadata = command.metadata ?? alive?.metadata ?? {};
        const life = lifeOf(command, memory_type, alive, time, ttlOf);
        // An export from long ago may hold what has ended since.
        if (command.expires_at !== undefined && hasEnded(life, time)) return [];
        const content = { memory_type, value: command.value, metadata };
        if (alive !== undefined && sameContent(alive, content) && sameLife(alive, life, command)) return [];
        const { task_id = null, session_id = null } = command;
        const operation = alive === undefined ? 'create' : 'update';
        return [written(command, state, { ...content, ...life, operation, task_id, session_id })];
      }
      case 'DeleteMemory':
        if (alive === undefined) throw notFound('memory', address);
        return [deleted(command, alive)];
      case 'RestoreMemory': {
        if (!state.held) throw notFound('memory', address);
        const { rollback } = command;
        const setAside = state.superseded !== null || state.archived;
        if (rollback !== undefined) {
          if (rollback.version > state.version)
            throw invalid('version', `is ${rollback.version}, but the newest is ${state.version}`);
          if (alive !== undefined && !setAside && sameContent(alive, rollback.content)) return [];
          const data = {
            ...rollback.content,
            ...lasting(state.ttl_seconds, time),
            task_id: null,
            session_id: null,
            restored_from: rollback.version,
          };
          return [written(command, state, { ...data, operation: 'restore' })];
        }
        if (alive !== undefined && !setAside) return [];
        if (hasEnded(state, time)) {
          // What it was would end at once: it begins another life.
          const { memory_type, value, metadata, ttl_seconds, version } = state;
          const data = { memory_type, value, metadata, ...lasting(ttl_seconds, time), task_id: null, session_id: null };
          return [written(command, state, { ...data, operation: 'restore', restored_from: version })];
        }
        return [restored(command, state)];
      }
      case 'ExpireMemory': {
        const { version, reason } = command;
        // Whoever wrote, deleted or prolonged it since was quicker.
        if (!state.held || state.deleted || state.version !== version) return [];
        if (reason === 'ttl' && !hasEnded(state, time)) return [];
        return [
          {
            type: 'MemoryExpired',
            data: { namespace, key, version, reason },
            about: about(namespace, 'expire', state.entry_id),
          },
        ];
      }
      case 'PublishMemory': {
        if (namespace.startsWith('session:'))
          throw invalid('to_namespace', 'must be one that is shared', 'Use a user:, app: or project: namespace.');
        if (alive !== undefined && sameContent(alive, command.content)) return [];
        const data = {
          ...command.content,
          ...lasting(ttlOf(command.content.memory_type), time),
          task_id: null,
          session_id: null,
          published_from: command.source,
        };
        return [written(command, state, { ...data, operation: 'publish' })];
      }
      case 'ConsolidateMemory': {
        const { content, from, expires_at } = command;
        // Whoever consolidates has seen what is there, or believes that nothing is.
        if (alive !== undefined && command.if_match === undefined)
          throw conflict('memory-exists', `${address} holds a memory already.`, 'Scan again.');
        if (alive?.superseded) throw superseded(address, alive.superseded);
        const ttl_seconds = expires_at === null ? null : secondsBetween(time, expires_at);
        const data = { ...content, ttl_seconds, expires_at, task_id: null, session_id: null, consolidated_from: from };
        return [written(command, state, { ...data, operation: 'consolidate' })];
      }
      case 'SupersedeMemory': {
        if (alive === undefined) throw notFound('memory', address);
        const { into } = command;
        if (alive.superseded !== null) {
          if (canonicalJson(alive.superseded) === canonicalJson(into)) return [];
          throw superseded(address, alive.superseded);
        }
        return [marked('MemorySuperseded', command, alive, { into })];
      }
      case 'ArchiveMemory': {
        if (alive === undefined) throw notFound('memory', address);
        if (alive.archived || alive.superseded !== null) return [];
        return [marked('MemoryArchived', command, alive)];
      }
      case 'FlagMemory': {
        if (alive === undefined) throw notFound('memory', address);
        const { conflict_id } = command;
        if (alive.flags.includes(conflict_id)) return [];
        return [marked('MemoryFlagged', command, alive, { conflict_id })];
      }
      case 'ReviewMemory': {
        const { conflict_id } = command;
        if (!state.held || !state.flags.includes(conflict_id)) return [];
        return [marked('MemoryReviewed', command, state, { conflict_id, flags_left: state.flags.length - 1 })];
      }
      case 'RevertMemory':
        return reverted(command, state);
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'MemoryWritten': {
        const { version, memory_type, value, metadata, ttl_seconds, expires_at } = event.data;
        return {
          held: true,
          deleted: false,
          version,
          entry_id: event.position,
          memory_type,
          value,
          metadata,
          ttl_seconds,
          expires_at,
          superseded: null,
          archived: false,
          flags: [],
          consolidated_from: event.data.consolidated_from ?? [],
        };
      }
      case 'MemoryDeleted':
      case 'MemoryExpired':
        return state.held ? { ...state, deleted: true } : state;
      case 'MemoryRestored':
        return state.held ? { ...state, deleted: false, superseded: null, archived: false } : state;
      case 'MemorySuperseded':
        return state.held ? { ...state, superseded: event.data.into } : state;
      case 'MemoryArchived':
        return state.held ? { ...state, archived: true } : state;
      case 'MemoryFlagged':
        return state.held ? { ...state, flags: [...state.flags, event.data.conflict_id] } : state;
      case 'MemoryReviewed': {
        const { conflict_id } = event.data;
        return state.held ? { ...state, flags: state.flags.filter((flag) => flag !== conflict_id) } : state;
      }
    }
  },
});

export const memory = memoryWith(EPISODIC_TTL_SECONDS);

function written(
  { namespace, key, if_match: seen, ...command }: MemoryCommand,
  state: MemoryState,
  content: Omit<MemoryWritten['data'], 'namespace' | 'key' | 'version' | 'seen'>,
): MemoryWritten {
  const version = state.held ? state.version + 1 : 1;
  return {
    type: 'MemoryWritten',
    actor: 'actor' in command ? command.actor : undefined,
    data: { namespace, key, version, ...content, ...(seen === undefined ? {} : { seen }) },
    about: {
      ...about(namespace, content.operation, 'self'),
      task_id: content.task_id,
      session_id: content.session_id,
    },
  };
}

type Held = Extract<MemoryState, { held: true }>;

const deleted = ({ namespace, key }: Address, { version, entry_id }: Held): MemoryEvent => ({
  type: 'MemoryDeleted',
  data: { namespace, key, version },
  about: about(namespace, 'delete', entry_id),
});

const restored = ({ namespace, key }: Address, { version, entry_id }: Held): MemoryEvent => ({
  type: 'MemoryRestored',
  data: { namespace, key, version },
  about: about(namespace, 'restore', entry_id),
});

type Mark = Exclude<MemoryEvent['type'], 'MemoryWritten' | 'MemoryDeleted' | 'MemoryRestored'>;

const marked = <T extends Mark>(
  type: T,
  { namespace, key }: Address,
  { version, entry_id }: Pick<Held, 'version' | 'entry_id'>,
  more: Omit<Extract<MemoryEvent, { type: T }>['data'], keyof MemoryRef> = {} as never,
): MemoryEvent =>
  ({
    type,
    data: { namespace, key, version, ...more },
    about: about(namespace, 'consolidate', entry_id === NEW ? 'self' : entry_id),
  }) as unknown as MemoryEvent;

/** Id of a version that is only being decided: its event has no position yet. */
const NEW = -1;

/** What leads from a memory as it is to what it was: its content where that differs, then what set it aside. */
function reverted(command: Extract<MemoryCommand, { type: 'RevertMemory' }>, state: MemoryState): MemoryEvent[] {
  const { to } = command;
  const alive = state.held && !state.deleted ? state : undefined;
  if (!to.held || to.deleted) return alive === undefined ? [] : [deleted(command, alive)];
  const events: MemoryEvent[] = [];
  let now: Pick<Held, 'version' | 'entry_id' | 'superseded' | 'archived' | 'flags'>;
  const isThere = alive !== undefined && sameContent(alive, to) && alive.expires_at === to.expires_at;
  if (state.held && (isThere || state.entry_id === to.entry_id)) {
    now = state;
    const setAside =
      (state.superseded !== null && !same(state.superseded, to.superseded)) || state.archived > to.archived;
    if (state.deleted || setAside) {
      events.push(restored(command, state));
      now = { ...state, superseded: null, archived: false };
    }
  } else {
    const { memory_type, value, metadata, ttl_seconds, expires_at, version: restored_from } = to;
    const content = { memory_type, value, metadata, ttl_seconds, expires_at, restored_from };
    const again = written(command, state, { ...content, operation: 'restore', task_id: null, session_id: null });
    events.push(again);
    now = { version: again.data.version, entry_id: NEW, superseded: null, archived: false, flags: [] };
  }
  if (to.superseded !== null && now.superseded === null)
    events.push(marked('MemorySuperseded', command, now, { into: to.superseded }));
  if (to.archived && !now.archived) events.push(marked('MemoryArchived', command, now));
  const seen = now.flags.filter((flag) => !to.flags.includes(flag));
  seen.forEach((conflict_id, index) => {
    const flags_left = now.flags.length - 1 - index;
    events.push(marked('MemoryReviewed', command, now, { conflict_id, flags_left }));
  });
  for (const conflict_id of to.flags.filter((flag) => !now.flags.includes(flag)))
    events.push(marked('MemoryFlagged', command, now, { conflict_id }));
  return events;
}

const same = (one: MemoryRef | null, other: MemoryRef | null): boolean => canonicalJson(one) === canonicalJson(other);

const superseded = (address: string, { namespace, key, version }: MemoryRef): DomainError =>
  conflict('memory-superseded', `${address} went into ${namespace}/${key} version ${version}.`, 'Restore it first.');

const about = (
  memory_namespace: string,
  memory_operation: About['memory_operation'],
  memory_entry_id: number | 'self',
): About => ({
  memory_namespace,
  memory_operation,
  memory_entry_id,
});

const isMadeOf = (
  alive: MemoryContent & { consolidated_from: MemoryRef[] },
  { from, content }: Extract<MemoryCommand, { type: 'ConsolidateMemory' }>,
): boolean => sameContent(alive, content) && canonicalJson(alive.consolidated_from) === canonicalJson(from);

const sameContent = (one: MemoryContent, other: MemoryContent): boolean =>
  one.memory_type === other.memory_type &&
  canonicalJson(one.value) === canonicalJson(other.value) &&
  canonicalJson(one.metadata) === canonicalJson(other.metadata);

/** How long what is written will live: as the writer says, else as before, else as its type does. */
function lifeOf(
  { ttl_seconds, expires_at }: Extract<MemoryCommand, { type: 'WriteMemory' }>,
  type: MemoryType,
  before: (MemoryContent & Life) | undefined,
  time: string,
  ttlOf: (type: MemoryType) => number | null,
): Life {
  if (expires_at !== undefined) return { ttl_seconds: secondsBetween(time, expires_at), expires_at };
  const kept = before?.memory_type === type ? before.ttl_seconds : ttlOf(type);
  return lasting(ttl_seconds ?? kept, time);
}

const hasEnded = ({ expires_at }: Pick<Life, 'expires_at'>, time: string): boolean =>
  expires_at !== null && expires_at <= time;

const lasting = (ttl_seconds: number | null, time: string): Life => ({
  ttl_seconds,
  expires_at: expiry(time, ttl_seconds),
});

/** A life told by its end is the same when it ends at the same time, one told by its length when it is as long. */
const sameLife = (one: Life, other: Life, told: { expires_at?: string }): boolean =>
  told.expires_at === undefined ? one.ttl_seconds === other.ttl_seconds : one.expires_at === other.expires_at;

const secondsBetween = (from: string, to: string): number =>
  Math.max(1, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
