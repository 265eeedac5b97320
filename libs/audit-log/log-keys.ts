import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '#storage';
import { DomainError } from '#kernel';
import {
  generateKey,
  parseSigner,
  parseVerifier,
  spellVerifier,
  type NoteSigner,
  type NoteVerifier,
} from './signed-note.js';

const KEYS = 'log.key';
const PUBLIC = 'log.vkey';
const CHECKPOINT = 'checkpoint';

/**
 * The keys of a log and the last head that was signed with them, in a directory of their own: whoever can rewrite the
 * database file alone cannot sign another history. `log.key` has a line for each key that signs, `log.vkey` one for each
 * public key that ever did, the newest last.
 */
export class LogKeys {
  constructor(readonly directory: string) {}

  /** Makes the directory and a first key where there is none. */
  create(): void {
    if (existsSync(join(this.directory, KEYS))) return;
    makeDirectory(this.directory, 0o700);
    const key = generateKey(`abathur-memory/${randomBytes(8).toString('hex')}`);
    try {
      writeFileSync(join(this.directory, KEYS), `${key}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      // Another process was faster: its key is the log's.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
      throw error;
    }
    this.replace(PUBLIC, `${spellVerifier(parseSigner(key))}\n`);
  }

  /** Who signs now; all of one origin. */
  signers(): [NoteSigner, ...NoteSigner[]] {
    const [first, ...others] = this.lines(KEYS).map(parseSigner);
    if (first === undefined) {
      throw new DomainError('unavailable', 'no-signing-key', `There is no key in ${join(this.directory, KEYS)}.`, {
        hint: 'Bring the key back from where it is kept, or name its directory with ABATHUR_SIGNING_DIR.',
      });
    }
    return [first, ...others];
  }

  /** Everybody who signs or once did. */
  verifiers(): NoteVerifier[] {
    return this.lines(PUBLIC).map(parseVerifier);
  }

  /** Signs with a new key as well from now on: whoever knows the old one can come to know the new one. */
  add(): NoteSigner {
    const signers = this.signers();
    const key = generateKey(signers[0].name);
    this.replace(KEYS, `${[...this.lines(KEYS), key].join('\n')}\n`, 0o600);
    this.replace(PUBLIC, `${[...this.lines(PUBLIC), spellVerifier(parseSigner(key))].join('\n')}\n`);
    return parseSigner(key);
  }

  /** Signs with this key no more; what it has signed stays known. */
  retire(id: string): void {
    const lines = this.lines(KEYS);
    const kept = lines.filter((line) => parseSigner(line).id !== id);
    if (kept.length === lines.length)
      throw new DomainError('not-found', 'key-not-found', `No key ${id} signs here.`, {
        hint: `Those that do: ${this.signers()
          .map((signer) => signer.id)
          .join(', ')}.`,
      });
    if (kept.length === 0)
      throw new DomainError('conflict', 'last-key', `${id} is the only key that signs.`, {
        hint: 'Add another first.',
      });
    this.replace(KEYS, `${kept.join('\n')}\n`, 0o600);
  }

  /** Begins a new identity; returns where the former one is kept. */
  renew(): string {
    const aside = `${this.directory}.until-${new Date().toISOString().replaceAll(':', '')}`;
    if (existsSync(this.directory)) renameSync(this.directory, aside);
    this.create();
    return aside;
  }

  /** The last head that was handed out, as a signed note. */
  lastCheckpoint(): string | undefined {
    const path = join(this.directory, CHECKPOINT);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  keepCheckpoint(note: string): void {
    this.replace(CHECKPOINT, note);
  }

  private lines(name: string): string[] {
    const path = join(this.directory, name);
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  }

  /** Whoever reads meanwhile sees the old file or the new one. */
  private replace(name: string, text: string, mode = 0o644): void {
    const path = join(this.directory, name);
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, text, { mode, flush: true });
    renameSync(temporary, path);
  }
}
