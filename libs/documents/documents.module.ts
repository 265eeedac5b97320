import { Module } from '@nestjs/common';
import { documentCommandHandlers } from './document.commands.js';
import { documentQueryHandlers } from './document.queries.js';

@Module({ providers: [...documentCommandHandlers, ...documentQueryHandlers] })
export class DocumentsModule {}

export { DeleteDocument, PutDocument, SyncDocuments, type WrittenDocument } from './document.commands.js';
export { GetDocument, ListDocuments, SearchDocuments, type DocumentSearchAnswer } from './document.queries.js';
