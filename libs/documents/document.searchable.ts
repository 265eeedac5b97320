import type { JsonObject, Recorded } from '#kernel';
import { metadataWords, type Searchable } from '#search';
import { MAX_CHUNKS, documentStream } from './document.decider.js';
import type { DocumentIndexed, DocumentRemoved } from './document.events.js';

/** Ids of chunks lie above all ids of memories, which are positions. */
const FIRST_CHUNK = 2 ** 51;

export interface Chunk {
  id: number;
  chunk_index: number;
  heading: string;
  text: string;
}

/** The chunks that an event made; their ids say which event and which chunk. */
export function chunksOf({ data: { content, cuts }, position }: Recorded<DocumentIndexed>): Chunk[] {
  return cuts.map(({ heading, start, end }, chunk_index) => ({
    id: FIRST_CHUNK + position * MAX_CHUNKS + chunk_index,
    chunk_index,
    heading,
    text: content.slice(start, end),
  }));
}

/** The text of a chunk as it is found: under its headings, so that what stands in a section knows what it is about. */
export const chunkText = ({ heading, text }: Pick<Chunk, 'heading' | 'text'>): string =>
  heading === '' ? text : `${heading}\n${text}`;

/** The words that are true of each chunk of a document. */
export const documentWords = (title: string, metadata: JsonObject): string => `${title} ${metadataWords(metadata)}`;

/** Which texts of a document can be found: its chunks, in order. */
export const documentSearchable: Searchable = {
  DocumentIndexed: (event) => {
    const indexed = event as Recorded<DocumentIndexed>;
    const subject = documentStream(indexed.data.file_path);
    return [
      { drop: subject },
      ...chunksOf(indexed).map((chunk) => ({
        put: subject,
        id: chunk.id,
        source: 'document' as const,
        text: chunkText(chunk),
        sequence: { name: subject, place: chunk.chunk_index },
      })),
    ];
  },
  DocumentRemoved: (event) => [{ drop: documentStream((event as Recorded<DocumentRemoved>).data.file_path) }],
};
