import { QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { createPatch, type Operation } from 'rfc6902';
import { resolveMoment, SqliteAuditLog } from '#audit-log';
import { invalid, type Caller, type Page } from '#kernel';
import { Meaning } from '#search';
import { ReadSide } from '#storage';
import {
  exportPage,
  memoriesPage,
  memoryAt,
  memoryHistory,
  type ExportInput,
  type HistoryInput,
  type MemoriesInput,
  type MemoryInput,
} from './memory.reads.js';
import type { Memory } from './memory.row.js';
import { namespacesPage, type NamespaceCount, type NamespacesInput } from './namespace.reads.js';
import { MEMORY_WORDS, memorySearch, type MemorySearchAnswer, type MemorySearchInput } from './memory.search.js';

/** A read's input as a client spells it: `as_of` may be a time or a position. */
type AsOf<Input> = Omit<Input, 'as_of' | 'now'> & { as_of?: string };

export class GetMemory {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<MemoryInput>,
  ) {}
}

export class ListMemories {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<MemoriesInput>,
  ) {}
}

export class ListMemoryVersions {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<HistoryInput>,
  ) {}
}

export class DiffMemory {
  constructor(
    readonly by: Caller,
    readonly input: { namespace: string; key: string; from: number; to: number },
  ) {}
}

export class ExportMemories {
  constructor(
    readonly by: Caller,
    readonly input: Pick<ExportInput, 'namespace_prefix' | 'memory_type'> & { as_of?: string },
  ) {}
}

export class SearchMemories {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<Omit<MemorySearchInput, 'meaning'>>,
  ) {}
}

export class ListNamespaces {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<NamespacesInput>,
  ) {}
}

/** Who sees only some things is one of those whom a quarantine protects. */
function refuseQuarantined({ visible }: Caller, { include_quarantined }: { include_quarantined?: boolean }): void {
  if (visible === undefined || include_quarantined !== true) return;
  throw invalid('include_quarantined', 'is for auditors and operators');
}

@QueryHandler(GetMemory)
export class GetMemoryHandler implements IQueryHandler<GetMemory> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: GetMemory): Promise<Memory> {
    refuseQuarantined(by, input);
    return this.reads.point(memoryAt, { ...input, ...resolveMoment(this.reads, input.as_of, by.time) });
  }
}

@QueryHandler(ListMemories)
export class ListMemoriesHandler implements IQueryHandler<ListMemories> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListMemories): Promise<Page<Memory>> {
    refuseQuarantined(by, input);
    return this.reads.scan(memoriesPage, {
      ...input,
      visible: by.visible,
      ...resolveMoment(this.reads, input.as_of, by.time),
    });
  }
}

@QueryHandler(ListMemoryVersions)
export class ListMemoryVersionsHandler implements IQueryHandler<ListMemoryVersions> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListMemoryVersions): Promise<Page<Memory>> {
    refuseQuarantined(by, input);
    return this.reads.scan(memoryHistory, { ...input, ...resolveMoment(this.reads, input.as_of, by.time) });
  }
}

@QueryHandler(DiffMemory)
export class DiffMemoryHandler implements IQueryHandler<DiffMemory> {
  constructor(private readonly reads: ReadSide) {}

  /** RFC 6902: what turns version `from` into version `to`. */
  async execute({ by, input: { namespace, key, from, to } }: DiffMemory): Promise<Operation[]> {
    const [before, after] = [from, to].map((version) =>
      this.reads.point(memoryAt, { namespace, key, version, now: by.time }),
    );
    return createPatch(document(before!), document(after!));
  }
}

const document = ({ memory_type, value, metadata }: Memory): unknown => ({ memory_type, value, metadata });

const EXPORT_PAGE = 500;

@QueryHandler(ExportMemories)
export class ExportMemoriesHandler implements IQueryHandler<ExportMemories> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  /** Pages of memories, all as of one position: that of the moment of asking, if none is named. */
  async execute({ by, input }: ExportMemories): Promise<AsyncIterable<Memory[]>> {
    const { as_of = (await this.log.head()).position, now } = resolveMoment(this.reads, input.as_of, by.time);
    return this.pages({ ...input, visible: by.visible, as_of, now, after: 0, limit: EXPORT_PAGE });
  }

  private async *pages(input: ExportInput): AsyncIterable<Memory[]> {
    let after: number | undefined = input.after;
    while (after !== undefined) {
      const page: Memory[] = await this.reads.scan(exportPage, { ...input, after });
      if (page.length > 0) yield page;
      after = page.length === input.limit ? page.at(-1)!.id : undefined;
    }
  }
}

@QueryHandler(SearchMemories)
export class SearchMemoriesHandler implements IQueryHandler<SearchMemories> {
  constructor(
    private readonly reads: ReadSide,
    private readonly meaning: Meaning,
  ) {}

  async execute({ by, input }: SearchMemories): Promise<MemorySearchAnswer> {
    refuseQuarantined(by, input);
    const moment = resolveMoment(this.reads, input.as_of, by.time);
    const meaning = input.mode === 'keyword' ? undefined : await this.meaning.of(input.query, MEMORY_WORDS);
    return memorySearch.ask(this.reads, { ...input, visible: by.visible, ...moment, meaning });
  }
}

@QueryHandler(ListNamespaces)
export class ListNamespacesHandler implements IQueryHandler<ListNamespaces> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListNamespaces): Promise<Page<NamespaceCount>> {
    return this.reads.scan(namespacesPage, {
      ...input,
      visible: by.visible,
      ...resolveMoment(this.reads, input.as_of, by.time),
    });
  }
}

export const memoryQueryHandlers = [
  GetMemoryHandler,
  ListMemoriesHandler,
  ListMemoryVersionsHandler,
  DiffMemoryHandler,
  ExportMemoriesHandler,
  SearchMemoriesHandler,
  ListNamespacesHandler,
];
