import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import {
  decideStep,
  readStep,
  SqliteAuditLog,
  wasAnswered,
  type Decision,
  type Step,
  type WorkAnswer,
  type Written,
} from '#audit-log';
import { DomainError, invalid, notFound, streamName, type Caller, type JsonObject } from '#kernel';
import { Meaning, type QueryMeaning } from '#search';
import { ReadSide } from '#storage';
import { expire } from './expire.js';
import { memory, type MemoryCommand, type MemoryContent } from './memory.decider.js';
import type { MemoryType } from './memory.events.js';
import { memoriesOfAge } from './fading.reads.js';
import { AS_WRITTEN, entriesOf, memoryAt, memoryIfAny, memoryVersion, operationOf } from './memory.reads.js';
import type { Memory } from './memory.row.js';
import { namespacesPage, type NamespacesInput } from './namespace.reads.js';
import { MEMORY_WORDS, searchMemories, type MemorySearchInput } from './memory.search.js';

export interface WriteInput {
  mode: 'add' | 'put';
  namespace: string;
  key: string;
  value: JsonObject;
  memory_type?: MemoryType;
  metadata?: JsonObject;
  /** Who writes, where that is not the caller. */
  actor?: string;
  task_id?: string | null;
  session_id?: string | null;
  ttl_seconds?: number;
  /** When it ends, ISO-8601 UTC: what an export says, in place of `ttl_seconds`. */
  expires_at?: string;
  if_match?: number;
}

export interface Address {
  namespace: string;
  key: string;
}

export class WriteMemory {
  constructor(
    readonly by: Caller,
    readonly input: WriteInput,
  ) {}
}

export interface WrittenMemory extends Written<Memory> {
  outcome: 'created' | 'updated' | 'unchanged';
}

export class DeleteMemory {
  constructor(
    readonly by: Caller,
    readonly address: Address,
  ) {}
}

export class RestoreMemory {
  constructor(
    readonly by: Caller,
    readonly address: Address,
    /** Give the memory this version's content again; without it, take a deletion back. */
    readonly version: number | undefined,
  ) {}
}

export class PublishMemory {
  constructor(
    readonly by: Caller,
    readonly input: { from_namespace: string; to_namespace: string; key: string },
  ) {}
}

export type MemoryOperationInput =
  | ({ op: 'put' | 'add' } & Omit<WriteInput, 'mode'>)
  | ({ op: 'delete'; if_match?: number } & Address)
  | ({ op: 'get'; version?: number } & Address)
  | ({ op: 'search' } & Omit<MemorySearchInput, 'meaning' | 'as_of' | 'now'>)
  | ({ op: 'list_namespaces' } & Omit<NamespacesInput, 'now'>);

export class BatchMemories {
  constructor(
    readonly by: Caller,
    readonly operations: MemoryOperationInput[],
  ) {}
}

/** Writes memories as one transaction and only counts them: bulk import. */
export class ImportMemories {
  constructor(
    readonly by: Caller,
    readonly memories: WriteInput[],
  ) {}
}

/** Lets memories of a type fade that nobody has written for so many days. */
export class ExpireMemories {
  constructor(
    readonly by: Caller,
    readonly input: { memory_type: MemoryType; older_than_days: number; dry_run: boolean },
  ) {}
}

/** Versions that have faded, or would. */
export interface ExpiredMemories {
  ids: number[];
  dry_run: boolean;
  /** There are others: ask again. */
  more: boolean;
}

@CommandHandler(WriteMemory)
export class WriteMemoryHandler implements ICommandHandler<WriteMemory> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, input }: WriteMemory): Promise<WrittenMemory> {
    const answer = await this.log.execute({ caller: by, steps: [write({ ...input, if_match: by.if_match })] });
    const decision = answer.results[0] as Decision;
    const written = asOfWrite(this.reads, input, decision, answer);
    if (decision.events.length === 0) return { ...written, outcome: 'unchanged' };
    const created = input.mode === 'add' || this.reads.point(operationOf, written.value.id) === 'create';
    return { ...written, outcome: created ? 'created' : 'updated' };
  }
}

@CommandHandler(DeleteMemory)
export class DeleteMemoryHandler implements ICommandHandler<DeleteMemory> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, address }: DeleteMemory): Promise<Written<null>> {
    const step = decide({ type: 'DeleteMemory', ...address, if_match: by.if_match });
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { position } = results[0] as Decision;
    const { version } = this.reads.point(memoryAt, {
      ...address,
      as_of: position - 1,
      now: AS_WRITTEN,
      include_quarantined: true,
    });
    return { value: null, version, position, repeated: replayed };
  }
}

@CommandHandler(RestoreMemory)
export class RestoreMemoryHandler implements ICommandHandler<RestoreMemory> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, address, version }: RestoreMemory): Promise<Written<Memory>> {
    const steps = this.reads.point(wasAnswered, by.idempotency?.key) ? [] : [this.step(by, address, version)];
    const answer = await this.log.execute({ caller: by, steps });
    return asOfWrite(this.reads, address, answer.results[0] as Decision, answer);
  }

  private step(by: Caller, address: Address, version: number | undefined): Step {
    // A version never changes, so its content may be read before the transaction that writes it again.
    const rollback =
      version === undefined
        ? undefined
        : { version, content: content(this.reads.point(memoryAt, { ...address, version, now: by.time })) };
    return decide({ type: 'RestoreMemory', ...address, rollback, if_match: by.if_match });
  }
}

@CommandHandler(PublishMemory)
export class PublishMemoryHandler implements ICommandHandler<PublishMemory> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, input }: PublishMemory): Promise<Written<Memory>> {
    const steps = this.reads.point(wasAnswered, by.idempotency?.key) ? [] : [this.step(by, input)];
    const answer = await this.log.execute({ caller: by, steps });
    const target = { namespace: input.to_namespace, key: input.key };
    return asOfWrite(this.reads, target, answer.results[0] as Decision, answer);
  }

  private step(by: Caller, { from_namespace, to_namespace, key }: PublishMemory['input']): Step {
    const source = this.reads.point(memoryAt, { namespace: from_namespace, key, now: by.time });
    return decide({
      type: 'PublishMemory',
      namespace: to_namespace,
      key,
      source: { namespace: from_namespace, key, version: source.version },
      content: content(source),
      if_match: by.if_match,
    });
  }
}

@CommandHandler(BatchMemories)
export class BatchMemoriesHandler implements ICommandHandler<BatchMemories> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
    private readonly meaning: Meaning,
  ) {}

  async execute({ by, operations }: BatchMemories): Promise<Written<unknown[]>> {
    // What queries mean is asked for before the transaction, in which nobody may wait for a model.
    const meanings = await Promise.all(operations.map((operation) => this.meaningOf(operation)));
    const steps = operations.map((operation, index) => stepOf(operation, meanings[index], by));
    const answer = await this.log.execute({ caller: by, steps }).catch(nameOperation);
    const value = operations.map((operation, index) => {
      const result = answer.results[index];
      if (operation.op === 'put' || operation.op === 'add') {
        return asOfWrite(this.reads, operation, result as Decision, answer).value;
      }
      return operation.op === 'delete' ? null : result;
    });
    return { value, version: value.length, position: answer.position, repeated: answer.replayed };
  }

  private async meaningOf(operation: MemoryOperationInput): Promise<QueryMeaning | undefined> {
    if (operation.op !== 'search' || operation.mode === 'keyword') return undefined;
    return this.meaning.of(operation.query, MEMORY_WORDS);
  }
}

@CommandHandler(ImportMemories)
export class ImportMemoriesHandler implements ICommandHandler<ImportMemories> {
  constructor(private readonly log: SqliteAuditLog) {}

  /** How many of them made a version; the others were there already. */
  async execute({ by, memories }: ImportMemories): Promise<{ written: number; position: number }> {
    const { results, position } = await this.log.execute({ caller: by, steps: memories.map(write) });
    return { written: results.filter((result) => (result as Decision).events.length > 0).length, position };
  }
}

/** How many memories one request lets fade. */
const MOST_EXPIRED = 1000;
const DAY = 24 * 3600 * 1000;

@CommandHandler(ExpireMemories)
export class ExpireMemoriesHandler implements ICommandHandler<ExpireMemories> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, input }: ExpireMemories): Promise<Written<ExpiredMemories>> {
    const { memory_type, older_than_days, dry_run } = input;
    if (memory_type !== 'episodic') {
      const hint = 'Delete what should go: DELETE /v1/memories/{namespace}/{key}.';
      throw invalid('memory_type', `is ${memory_type}, but only episodic memories fade`, hint);
    }
    const until = new Date(Date.parse(by.time) - older_than_days * DAY).toISOString();
    const found = await this.reads.scan(memoriesOfAge, { memory_type, until, limit: MOST_EXPIRED + 1 });
    const chosen = found.slice(0, MOST_EXPIRED);
    const more = found.length > chosen.length;
    if (dry_run) {
      const ids = chosen.map(({ id }) => id);
      const { position } = await this.log.head();
      return { value: { ids, dry_run, more }, version: ids.length, position, repeated: false };
    }
    const answer = await this.log.execute({ caller: by, steps: chosen.map((one) => expire(one, 'age')) });
    const positions = answer.results.flatMap((result) => (result as Decision).events.map(({ position }) => position));
    const ids = this.reads.point(entriesOf, positions);
    const { position, replayed: repeated } = answer;
    return { value: { ids, dry_run, more }, version: ids.length, position, repeated };
  }
}

const decide = (command: MemoryCommand, requires: string[] = []): Step => decideStep(memory, command, { requires });

const write = ({ session_id, ...input }: WriteInput): Step =>
  decide(
    { type: 'WriteMemory', session_id, ...input },
    session_id === undefined || session_id === null ? [] : [streamName('session', session_id)],
  );

const content = ({ value, metadata, memory_type }: Memory): MemoryContent => ({ value, metadata, memory_type });

function stepOf(operation: MemoryOperationInput, meaning: QueryMeaning | undefined, by: Caller): Step {
  const { time: now, visible } = by;
  switch (operation.op) {
    case 'put':
    case 'add': {
      const { op: mode, ...input } = operation;
      return write({ ...input, mode });
    }
    case 'delete':
      return decide({
        type: 'DeleteMemory',
        namespace: operation.namespace,
        key: operation.key,
        if_match: operation.if_match,
      });
    case 'get':
      return readStep(memoryIfAny, { ...operation, visible, now });
    case 'search': {
      const { op: _, ...input } = operation;
      return readStep(searchMemories, { ...input, visible, meaning, now });
    }
    case 'list_namespaces':
      return readStep(namespacesPage, { ...operation, visible, now });
  }
}

/** A batch fails as a whole: the error says which operation it was. */
function nameOperation(error: unknown): never {
  if (error instanceof DomainError && error.details.failed_step !== undefined) {
    error.details.errors = [{ field: `operations[${error.details.failed_step}]`, detail: error.message }];
  }
  throw error;
}

/** The memory as of the write that is being answered, also when the answer is given again later. */
function asOfWrite(
  reads: ReadSide,
  { namespace, key }: Address,
  { position, events }: Decision,
  { replayed }: WorkAnswer,
): Written<Memory> {
  // A version is found by its position; where the write made none, the memory is what it was then.
  const value =
    (events.length > 0 ? reads.point(memoryVersion, position) : null) ??
    reads.point(memoryIfAny, { namespace, key, as_of: position, now: AS_WRITTEN, include_quarantined: true });
  if (value === null) throw notFound('memory', `${namespace}/${key}`);
  return { value, version: value.version, position, repeated: replayed };
}

export const memoryCommandHandlers = [
  WriteMemoryHandler,
  DeleteMemoryHandler,
  RestoreMemoryHandler,
  PublishMemoryHandler,
  BatchMemoriesHandler,
  ImportMemoriesHandler,
  ExpireMemoriesHandler,
];
