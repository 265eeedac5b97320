import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { DomainError } from '#kernel';

/**
 * Signed notes as C2SP describes them (c2sp.org/signed-note), with Ed25519 keys: a text, an empty line, and a line for each
 * signature. Keys are spelled as the note tools of Go's checksum database spell them.
 */

/** The type byte of Ed25519 in a key and in its id. */
const ED25519 = 1;
/** What comes before the 32 bytes of an Ed25519 key in DER (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
/** Signatures of a note that are looked at; more are nobody's. */
const MAX_SIGNATURES = 64;
/** What no note holds, apart from the ends of its lines. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\0-\x09\x0b-\x1f]/;

export interface NoteVerifier {
  name: string;
  /** First four bytes, as hex, of SHA-256(name, newline, type, key). */
  id: string;
  key: KeyObject;
}

export interface NoteSigner extends NoteVerifier {
  privateKey: KeyObject;
}

/** A new key under a name, spelled `PRIVATE+KEY+name+id+base64`: keep it secret. */
export function generateKey(name: string): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8.length);
  const { id } = signerFrom(name, seed);
  return `PRIVATE+KEY+${name}+${id}+${typed(seed)}`;
}

/** Reads a private key as {@link generateKey} spells it. */
export function parseSigner(text: string): NoteSigner {
  const [, name, id, key] = /^PRIVATE\+KEY\+([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? [];
  const signer = name === undefined ? undefined : signerFrom(name, untyped(key!));
  if (signer?.id !== id || signer === undefined) throw unreadable('private key');
  return signer;
}

/** A public key, spelled `name+id+base64`: what an auditor keeps. */
export const spellVerifier = ({ name, id, key }: NoteVerifier): string => `${name}+${id}+${typed(rawPublic(key))}`;

export function parseVerifier(text: string): NoteVerifier {
  const [, name, id, key] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? [];
  const verifier = name === undefined ? undefined : verifierFrom(name, untyped(key!));
  if (verifier?.id !== id || verifier === undefined) throw unreadable('public key');
  return verifier;
}

/** @param text ends with a newline. */
export function signNote(text: string, signers: NoteSigner[]): string {
  const lines = signers.map(({ name, id, privateKey }) => {
    const signature = sign(null, Buffer.from(text), privateKey);
    return `— ${name} ${Buffer.concat([Buffer.from(id, 'hex'), signature]).toString('base64')}\n`;
  });
  return `${text}\n${lines.join('')}`;
}

/**
 * The text of a note that at least one of these keys has signed. A signature of a known key that does not hold, or none
 * of a known key at all, is an error: the text is nothing then.
 */
export function openNote(note: string, verifiers: NoteVerifier[]): { text: string; signedBy: NoteVerifier[] } {
  const { text, signatures } = parseNote(note);
  const signedBy: NoteVerifier[] = [];
  for (const { name, id, signature } of signatures) {
    const verifier = verifiers.find((known) => known.name === name && known.id === id);
    if (verifier === undefined) continue;
    if (!verify(null, Buffer.from(text), verifier.key, signature))
      throw new DomainError('invalid', 'bad-signature', `The signature of ${name} (${id}) does not hold.`);
    signedBy.push(verifier);
  }
  if (signedBy.length === 0) {
    const names = signatures.map(({ name, id }) => `${name} (${id})`).join(', ');
    throw new DomainError('invalid', 'unknown-signer', `None of the given keys has signed this; ${names} did.`, {
      hint: 'Give the public key that the log was known by, or follow its change of keys.',
    });
  }
  return { text, signedBy };
}

/** Ids of the keys that have signed a note, known or not. */
export const signersOf = (note: string): string[] => parseNote(note).signatures.map(({ id }) => id);

interface NoteSignature {
  name: string;
  id: string;
  signature: Buffer;
}

function parseNote(note: string): { text: string; signatures: NoteSignature[] } {
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n') || CONTROL.test(note)) throw unreadable('signed note');
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw unreadable('signed note');
  const signatures = lines.map((line) => {
    const [, name, text] = /^— ([^+\s]+) ([A-Za-z0-9+/]+=*)$/.exec(line) ?? [];
    if (name === undefined) throw unreadable('signed note');
    const bytes = Buffer.from(text!, 'base64');
    return { name, id: bytes.subarray(0, 4).toString('hex'), signature: bytes.subarray(4) };
  });
  return { text: note.slice(0, end + 1), signatures };
}

function signerFrom(name: string, seed: Buffer): NoteSigner {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
  return { ...verifierFrom(name, rawPublic(createPublicKey(privateKey))), privateKey };
}

function verifierFrom(name: string, raw: Buffer): NoteVerifier {
  const key = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' });
  const named = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), raw]);
  return { name, id: hash('sha256', named, 'buffer').subarray(0, 4).toString('hex'), key };
}

const rawPublic = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' }).subarray(SPKI.length);

const typed = (key: Buffer): string => Buffer.concat([Buffer.of(ED25519), key]).toString('base64');

function untyped(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 33 || bytes[0] !== ED25519) throw unreadable('Ed25519 key');
  return bytes.subarray(1);
}

const unreadable = (what: string): DomainError => new DomainError('invalid', 'not-readable', `This is no ${what}.`);
