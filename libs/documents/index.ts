import type { Feature } from '#projections';
import { document } from './document.decider.js';
import { documentCatalog } from './document.events.js';
import { documentsProjector } from './document.projector.js';
import { documentReads } from './document.reads.js';
import { documentSearch } from './document.search.js';
import { documentUndoes } from './document.undo.js';

/** What writer and reader threads need to know; the Nest side is `#documents/module`. */
export const documents: Feature = {
  catalog: documentCatalog,
  deciders: [document],
  projectors: [documentsProjector],
  reads: [...documentReads, ...documentSearch.reads],
  undoes: documentUndoes,
};

export { forgetChanges, noteChanges, type NoticedChanges } from './document-changes.js';
export { document } from './document.decider.js';
export { DOCUMENT_TYPES, type DocumentType } from './document.events.js';
export { SYNC_STATUSES, type Document, type SyncStatus } from './document.reads.js';
export { documentSearchable } from './document.searchable.js';
export { FolderSync, type FolderSyncOptions, type SyncResult } from './folder-sync.js';
export { foldersOf } from './folders.js';
export { readDocument } from './read-document.js';
export { FolderWatch } from './watch.js';
