import {
  canonicalJson,
  DomainError,
  invalid,
  notFound,
  streamName,
  versionConflict,
  type Decider,
  type JsonObject,
} from '#kernel';
import type { Cut, DocumentEvent, DocumentOrigin, DocumentType } from './document.events.js';

/** Most chunks of one document: their ids are numbered within the position of its event. */
export const MAX_CHUNKS = 4096;

/** What a document says of itself and was made of it: see {@link readDocument}. */
export interface DocumentContent {
  title: string;
  document_type: DocumentType;
  content_hash: string;
  size: number;
  content: string;
  metadata: JsonObject;
  chunking: number;
  cuts: Cut[];
}

interface Address {
  file_path: string;
  /** Version that the writer has seen (`If-Match`). */
  if_match?: number;
}

export type DocumentCommand =
  | ({ type: 'IndexDocument'; origin: DocumentOrigin; renamed_from?: string } & DocumentContent & Address)
  | ({ type: 'ReportUnreadable'; title: string; reason: string } & Address)
  /** `found`: the file of a document that came from a watched directory is gone; others are left alone. */
  | ({ type: 'RemoveDocument'; found?: 'gone'; renamed_to?: string } & Address);

export type DocumentState = { version: number } & ({ held: false } | Held);

interface Held {
  held: true;
  id: number;
  origin: DocumentOrigin;
  /** `null`: nothing of it is indexed. */
  content: Omit<DocumentContent, 'content' | 'cuts' | 'size' | 'chunking'> | null;
  failure: string | null;
}

export const documentStream = (file_path: string): string => streamName('document', file_path);

export const document: Decider<DocumentCommand, DocumentEvent, DocumentState> = {
  name: 'document',
  initial: { held: false, version: 0 },
  stream: ({ file_path }) => documentStream(file_path),

  decide(command, state) {
    const { file_path, if_match } = command;
    if (if_match !== undefined && if_match !== (state.held ? state.version : 0)) {
      throw versionConflict(file_path, `version ${if_match}`, state.held ? state.version : null);
    }
    const ref = { file_path, version: state.version + 1, document_id: state.held ? state.id : null };
    switch (command.type) {
      case 'IndexDocument': {
        const { type: _, if_match: __, ...content } = command;
        assertCuts(content);
        // What lies in a watched directory is the file's, also when the same was sent before.
        const origin = state.held && state.origin === 'folder' ? 'folder' : content.origin;
        if (state.held && state.failure === null && state.origin === origin && sameContent(state.content, content))
          return [];
        return [{ type: 'DocumentIndexed', data: { ...content, ...ref, origin } }];
      }
      case 'ReportUnreadable': {
        if (state.held && state.failure === command.reason) return [];
        return [{ type: 'DocumentUnreadable', data: { ...ref, title: command.title, reason: command.reason } }];
      }
      case 'RemoveDocument': {
        const { found, renamed_to } = command;
        if (found === 'gone' && !(state.held && state.origin === 'folder')) return [];
        if (!state.held) throw notFound('document', file_path);
        return [{ type: 'DocumentRemoved', data: { ...ref, ...(renamed_to !== undefined && { renamed_to }) } }];
      }
    }
  },

  evolve(state, event) {
    const { version } = event;
    switch (event.type) {
      case 'DocumentIndexed': {
        const { title, document_type, content_hash, metadata, origin, document_id } = event.data;
        const content = { title, document_type, content_hash, metadata };
        return { held: true, version, id: document_id ?? event.position, origin, content, failure: null };
      }
      case 'DocumentUnreadable': {
        const before = state.held ? state : { content: null, origin: 'folder' as const };
        const { document_id, reason } = event.data;
        return { ...before, held: true, version, id: document_id ?? event.position, failure: reason };
      }
      case 'DocumentRemoved':
        return { held: false, version };
    }
  },
};

const sameContent = (one: Held['content'], other: NonNullable<Held['content']>): boolean =>
  one !== null &&
  one.content_hash === other.content_hash &&
  one.title === other.title &&
  one.document_type === other.document_type &&
  canonicalJson(one.metadata) === canonicalJson(other.metadata);

/** Chunks are kept by their cuts alone, so these must lie in the content, in order. */
function assertCuts({ content, cuts }: Pick<DocumentContent, 'content' | 'cuts'>): void {
  if (cuts.length > MAX_CHUNKS)
    throw new DomainError('too-large', 'too-many-chunks', `${cuts.length} chunks are more than ${MAX_CHUNKS}.`);
  let last = 0;
  for (const { start, end } of cuts) {
    if (!(start >= last && end > start && end <= content.length)) throw invalid('cuts', 'must lie in the content');
    last = start;
  }
}
