import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decideStep, SqliteAuditLog, wasAnswered, type Decision, type Written } from '#audit-log';
import { invalid, notFound, type Caller, type JsonObject, type Recorded } from '#kernel';
import { Operations, type Operation } from '#operations';
import { ReadSide } from '#storage';
import { document, documentStream } from './document.decider.js';
import type { DocumentIndexed } from './document.events.js';
import { documentAtPath, documentById, type Document } from './document.reads.js';
import { FolderSync } from './folder-sync.js';
import { readDocument, type DocumentInput } from './read-document.js';

/** Writes a document: a new one, a new version, or nothing when it is unchanged. */
export class PutDocument {
  constructor(
    readonly by: Caller,
    readonly input: DocumentInput,
  ) {}
}

export interface WrittenDocument extends Written<Document> {
  outcome: 'created' | 'updated' | 'unchanged';
}

export class DeleteDocument {
  constructor(
    readonly by: Caller,
    readonly id: number,
  ) {}
}

/** Compares the watched directories, or one directory in them, with the index. */
export class SyncDocuments {
  constructor(
    readonly by: Caller,
    readonly directory: string | undefined,
  ) {}
}

@CommandHandler(PutDocument)
export class PutDocumentHandler implements ICommandHandler<PutDocument> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, input }: PutDocument): Promise<WrittenDocument> {
    const { file_path } = input;
    const content = readDocument(input);
    const command = { type: 'IndexDocument' as const, file_path, origin: 'api' as const, ...content };
    const step = decideStep(document, { ...command, if_match: by.if_match });
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { version, position, events } = results[0] as Decision;
    const value = await this.asOfWrite(file_path, version);
    const outcome = events.length === 0 ? 'unchanged' : value.id === position ? 'created' : 'updated';
    return { value, version, position, repeated: replayed, outcome };
  }

  /** What the write made, also when somebody has written since: the index knows only what is there now. */
  private async asOfWrite(file_path: string, version: number): Promise<Document> {
    const now = this.reads.point(documentAtPath, file_path);
    if (now?.version === version) return now;
    const [event] = await this.log.readStream(documentStream(file_path), { from: version, limit: 1 });
    if (event?.type !== 'DocumentIndexed') throw notFound('document', file_path);
    return documentOf(event as Recorded<DocumentIndexed>, now);
  }
}

function documentOf({ data, position, time }: Recorded<DocumentIndexed>, now: Document | null): Document {
  const { file_path, version, title, document_type, content_hash, size, cuts, origin } = data;
  const id = data.document_id ?? position;
  return {
    id,
    file_path,
    version,
    title,
    document_type,
    content_hash,
    size,
    chunk_count: cuts.length,
    sync_status: 'pending',
    failure: null,
    metadata: data.metadata as JsonObject,
    origin,
    created_at: now?.id === id ? now.created_at : time,
    updated_at: time,
  };
}

@CommandHandler(DeleteDocument)
export class DeleteDocumentHandler implements ICommandHandler<DeleteDocument> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, id }: DeleteDocument): Promise<Written<null>> {
    const steps = this.reads.point(wasAnswered, by.idempotency?.key) ? [] : [this.step(by, id)];
    const { results, replayed } = await this.log.execute({ caller: by, steps });
    const { position, version } = results[0] as Decision;
    return { value: null, version, position, repeated: replayed };
  }

  private step(by: Caller, id: number): ReturnType<typeof decideStep> {
    const { file_path } = this.reads.point(documentById, id);
    return decideStep(document, { type: 'RemoveDocument', file_path, if_match: by.if_match });
  }
}

@CommandHandler(SyncDocuments)
export class SyncDocumentsHandler implements ICommandHandler<SyncDocuments> {
  constructor(
    private readonly folders: FolderSync,
    private readonly operations: Operations,
  ) {}

  async execute({ by, directory }: SyncDocuments): Promise<Operation> {
    if (this.folders.folders.length === 0 && directory !== undefined)
      throw invalid('directory', 'is not watched', 'Watched directories are set by ABATHUR_DOCUMENT_DIRS.');
    const scopes = await this.folders.scopes(directory);
    return this.operations.start('documents.sync', (report, id) => this.folders.sync(scopes, report, id), by);
  }
}

export const documentCommandHandlers = [PutDocumentHandler, DeleteDocumentHandler, SyncDocumentsHandler];
