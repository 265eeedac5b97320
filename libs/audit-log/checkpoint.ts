import { DomainError } from '#kernel';
import type { TreeHead } from './tree.js';
import { openNote, signNote, type NoteSigner, type NoteVerifier } from './signed-note.js';

/** The head of a log with the log's name: a C2SP checkpoint (c2sp.org/tlog-checkpoint), without extension lines. */
export interface Checkpoint extends TreeHead {
  origin: string;
}

export const signCheckpoint = ({ origin, size, root }: Checkpoint, signers: NoteSigner[]): string =>
  signNote(`${origin}\n${size}\n${root.toString('base64')}\n`, signers);

/** The checkpoint that a note says, once one of the keys is known to have signed it. */
export const openCheckpoint = (note: string, verifiers: NoteVerifier[]): Checkpoint =>
  parseCheckpoint(openNote(note, verifiers).text);

/** What a note says, whoever has signed it. */
export const readCheckpoint = (note: string): Checkpoint => parseCheckpoint(note.slice(0, note.indexOf('\n\n') + 1));

function parseCheckpoint(text: string): Checkpoint {
  const [, origin, size, root] = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*$/.exec(text) ?? [];
  if (origin === undefined) throw new DomainError('invalid', 'not-readable', 'This is no checkpoint of a log.');
  return { origin, size: Number(size), root: Buffer.from(root!, 'base64') };
}
