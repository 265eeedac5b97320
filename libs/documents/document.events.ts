import type { DomainEvent, EventCatalog, JsonObject } from '#kernel';

export const DOCUMENT_TYPES = ['design', 'specification', 'plan', 'report', 'document'] as const;
export type DocumentType = (typeof DOCUMENT_TYPES)[number];

/** Whether somebody sent it, or it was found in a watched directory. What is found goes when its file goes. */
export const DOCUMENT_ORIGINS = ['api', 'folder'] as const;
export type DocumentOrigin = (typeof DOCUMENT_ORIGINS)[number];

/** Where a chunk begins and ends in the content, in UTF-16 units; `end` is exclusive. */
export interface Cut {
  /** Headings above it, outermost first, joined by ` > `. */
  heading: string;
  start: number;
  end: number;
}

export interface DocumentRef {
  file_path: string;
  /** 1, 2, 3 … along the life of this path: every event counts. */
  version: number;
  /** Position of the event that the document began with; `null`: this one. */
  document_id: number | null;
}

/**
 * The cuts are part of the fact: whoever cuts otherwise later, a rebuild tells the chunks that were searched then. The
 * content stands here once, whatever chunks share.
 */
export type DocumentIndexed = DomainEvent<
  'DocumentIndexed',
  DocumentRef & {
    title: string;
    document_type: DocumentType;
    /** SHA-256 of the content in UTF-8, hexadecimal. */
    content_hash: string;
    /** Bytes of the content in UTF-8. */
    size: number;
    content: string;
    metadata: JsonObject;
    /** Version of the rules that made the cuts. */
    chunking: number;
    cuts: Cut[];
    origin: DocumentOrigin;
    /** The path at which the same content was before. */
    renamed_from?: string;
  }
>;

/** A file is there, but cannot be indexed; what was indexed of it before stays. */
export type DocumentUnreadable = DomainEvent<'DocumentUnreadable', DocumentRef & { title: string; reason: string }>;

export type DocumentRemoved = DomainEvent<'DocumentRemoved', DocumentRef & { renamed_to?: string }>;

export type DocumentEvent = DocumentIndexed | DocumentUnreadable | DocumentRemoved;

export const documentCatalog: Record<DocumentEvent['type'], EventCatalog[string]> = {
  DocumentIndexed: { version: 1 },
  DocumentUnreadable: { version: 1 },
  DocumentRemoved: { version: 1 },
};
