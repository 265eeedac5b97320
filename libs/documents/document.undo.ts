import type { Undo, Undoes } from '#audit-log';
import type { DocumentEvent } from './document.events.js';

/** The Markdown is the truth of a document: what is indexed follows it. */
const follows: Undo<DocumentEvent> = ({ data: { file_path } }) => ({
  refuse: `${file_path} follows its file: write or send the earlier text again`,
  because: [],
});

export const documentUndoes: Undoes<DocumentEvent> = {
  DocumentIndexed: follows,
  DocumentUnreadable: follows,
  DocumentRemoved: follows,
};
