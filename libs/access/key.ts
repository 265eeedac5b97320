import { randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { hmac } from '#audit-log';

/** A key as its holder keeps it: `abk_<environment>_<id>_<secret>_<checksum>`. */
export interface SpelledKey {
  id: string;
  secret: string;
}

const SPELLED = /^(abk_[a-z]{2,8}_([0-9a-z]{8})_([\w-]{43}))_([0-9a-f]{8})$/;
const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz';

/** Makes a key; it is shown once, and of its secret only {@link macOf} is kept. */
export function makeKey(environment: string): SpelledKey & { text: string } {
  const id = Array.from(randomBytes(8), (byte) => LETTERS[byte % LETTERS.length]).join('');
  const secret = randomBytes(32).toString('base64url');
  const body = `abk_${environment}_${id}_${secret}`;
  return { id, secret, text: `${body}_${checksum(body)}` };
}

/** `undefined` for whatever is no key, a mistyped one included: it is known as such without asking for its id. */
export function readKey(text: string): SpelledKey | undefined {
  const [, body, id, secret, sum] = SPELLED.exec(text) ?? [];
  if (body === undefined || checksum(body) !== sum) return undefined;
  return { id: id!, secret: secret! };
}

/** What is kept of a secret. 256 random bits need no slow hash; the pepper makes a stolen database useless. */
export const macOf = (secret: string, pepper: Buffer): Buffer => hmac(pepper, secret);

/** In the same time for every answer; an unknown key is compared, too, with what matches nothing. */
export function isSame(mac: Buffer, kept: Buffer | undefined): boolean {
  const same = timingSafeEqual(mac, kept?.length === mac.length ? kept : randomBytes(mac.length));
  return same && kept !== undefined;
}

const checksum = (body: string): string => crc32(body).toString(16).padStart(8, '0');
