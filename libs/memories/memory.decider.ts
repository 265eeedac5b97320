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
  | ({ type: 'ReviewMemory'; conflict_id: string } & Address);

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
    if (command.if_match !== undefined && command.if_match !== alive?.version) {
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
        return [
          {
            type: 'MemoryDeleted',
            data: { namespace, key, version: alive.version },
            about: about(namespace, 'delete', alive.entry_id),
          },
        ];
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
        return [
          {
            type: 'MemoryRestored',
            data: { namespace, key, version: state.version },
            about: about(namespace, 'restore', state.entry_id),
          },
        ];
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
        const data = { namespace, key, version: alive.version, into };
        return [{ type: 'MemorySuperseded', data, about: about(namespace, 'consolidate', alive.entry_id) }];
      }
      case 'ArchiveMemory': {
        if (alive === undefined) throw notFound('memory', address);
        if (alive.archived || alive.superseded !== null) return [];
        const data = { namespace, key, version: alive.version };
        return [{ type: 'MemoryArchived', data, about: about(namespace, 'consolidate', alive.entry_id) }];
      }
      case 'FlagMemory': {
        if (alive === undefined) throw notFound('memory', address);
        const { conflict_id } = command;
        if (alive.flags.includes(conflict_id)) return [];
        const data = { namespace, key, version: alive.version, conflict_id };
        return [{ type: 'MemoryFlagged', data, about: about(namespace, 'consolidate', alive.entry_id) }];
      }
      case 'ReviewMemory': {
        const { conflict_id } = command;
        if (!state.held || !state.flags.includes(conflict_id)) return [];
        const data = { namespace, key, version: state.version, conflict_id, flags_left: state.flags.length - 1 };
        return [{ type: 'MemoryReviewed', data, about: about(namespace, 'consolidate', state.entry_id) }];
      }
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
