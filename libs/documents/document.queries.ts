import { QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { resolveAsOf } from '#audit-log';
import type { Caller, Page } from '#kernel';
import { Meaning, type TextQuery } from '#search';
import { ReadSide } from '#storage';
import { documentById, documentsPage, type Document, type DocumentsInput } from './document.reads.js';
import { DOCUMENT_WORDS, documentSearch, type DocumentHit, type DocumentSearchInput } from './document.search.js';

export class GetDocument {
  constructor(
    readonly by: Caller,
    readonly id: number,
  ) {}
}

export class ListDocuments {
  constructor(
    readonly by: Caller,
    readonly input: DocumentsInput,
  ) {}
}

export class SearchDocuments {
  constructor(
    readonly by: Caller,
    readonly input: Omit<DocumentSearchInput, 'meaning' | 'as_of'> & { as_of?: string },
  ) {}
}

export interface DocumentSearchAnswer {
  mode: TextQuery['mode'];
  /** Meaning was asked for, but could not be told: words alone answered. */
  degraded: boolean;
  results: DocumentHit[];
}

@QueryHandler(GetDocument)
export class GetDocumentHandler implements IQueryHandler<GetDocument> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ id }: GetDocument): Promise<Document> {
    return this.reads.point(documentById, id);
  }
}

@QueryHandler(ListDocuments)
export class ListDocumentsHandler implements IQueryHandler<ListDocuments> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ input }: ListDocuments): Promise<Page<Document>> {
    return this.reads.scan(documentsPage, input);
  }
}

@QueryHandler(SearchDocuments)
export class SearchDocumentsHandler implements IQueryHandler<SearchDocuments> {
  constructor(
    private readonly reads: ReadSide,
    private readonly meaning: Meaning,
  ) {}

  async execute({ by, input }: SearchDocuments): Promise<DocumentSearchAnswer> {
    const as_of = resolveAsOf(this.reads, input.as_of, by.time);
    const meaning = input.mode === 'keyword' ? undefined : await this.meaning.of(input.query, DOCUMENT_WORDS);
    // Without meaning there are still words, whatever was asked for.
    const degraded = input.mode !== 'keyword' && meaning === undefined;
    const mode = degraded ? 'keyword' : input.mode;
    return {
      mode: input.mode,
      degraded,
      results: await documentSearch.ask(this.reads, { ...input, mode, meaning, as_of }),
    };
  }
}

export const documentQueryHandlers = [GetDocumentHandler, ListDocumentsHandler, SearchDocumentsHandler];
