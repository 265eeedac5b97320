import { DomainError } from '#kernel';

/** That an entry is in a log, for who has only the log's key: c2sp.org/tlog-proof, version 1. */
export interface TlogProof {
  /** Zero-based: the position less one. */
  index: number;
  hashes: Buffer[];
  /** The signed note. */
  checkpoint: string;
  /** Not covered by any signature: what the leaf is made of. */
  extra?: Buffer;
}

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';
/** A tree of 2^63 leaves is no deeper. */
const MAX_HASHES = 63;
const BASE64 =
  /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$|^[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=)$/;

export function spellProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  const lines = [FIRST_LINE];
  if (extra !== undefined) lines.push(`extra ${extra.toString('base64')}`);
  lines.push(`index ${index}`, ...hashes.map((one) => one.toString('base64')));
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

export function parseProof(text: string): TlogProof {
  const end = text.indexOf('\n\n');
  const [first, ...lines] = text.slice(0, end < 0 ? 0 : end).split('\n');
  if (first !== FIRST_LINE) throw unreadable(`its first line is not ${FIRST_LINE}`);
  const extra = lines[0]?.startsWith('extra ') === true ? lines.shift()!.slice('extra '.length) : undefined;
  if (extra !== undefined && !BASE64.test(extra)) throw unreadable('its extra data are not base64');
  const [, index] = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '') ?? [];
  if (index === undefined) throw unreadable('it names no index');
  if (lines.length > MAX_HASHES || lines.some((line) => !/^[A-Za-z0-9+/]{43}=$/.test(line)))
    throw unreadable('its hashes are not SHA-256 in base64');
  return {
    index: Number(index),
    hashes: lines.map((line) => Buffer.from(line, 'base64')),
    checkpoint: text.slice(end + 2),
    ...(extra === undefined ? {} : { extra: Buffer.from(extra, 'base64') }),
  };
}

const unreadable = (why: string): DomainError =>
  new DomainError('invalid', 'not-readable', `This is no proof of a log: ${why}.`);
