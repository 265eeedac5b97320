import { canonicalJson, type JsonObject } from '#kernel';
import type { ExportEntry, ExportManifest, ExportTrailer } from './audit.export.js';
import type { Checkpoint } from './checkpoint.js';
import { UNASKED } from './chain.js';
import { headerText, envelopeText, verdictOn, type Disclosure, type Verdict } from './entry.js';
import { Frontier, includes, leafHash } from './merkle.js';
import type { TlogProof } from './tlog-proof.js';

/** What became of entries that were held against a signed head, from files alone. */
export interface OfflineReport {
  ok: boolean;
  entries: number;
  verified: number;
  /** Of entries that are in the log, but whose content was erased. */
  erased: number;
  failed: number;
  /** The first hundred that are not what was signed. */
  failures: { position: number; reason: string }[];
  /** Whether the entries make the signed root; with one entry, whether its proof leads there. */
  root_holds: boolean;
  /** Whether the older head that was given is the beginning of this log. */
  continues?: boolean;
}

const NAMED = 100;

/**
 * Holds the lines of a complete export against a signed head, one after the other: each entry against what its header
 * commits to, all of them together against the root, and their beginning against an older head.
 */
export async function verifyExport(
  lines: AsyncIterable<string>,
  head: Checkpoint,
  older?: Checkpoint,
  each: (position: number, verdict: Verdict) => void = () => undefined,
): Promise<OfflineReport> {
  const report: OfflineReport = {
    ok: false,
    entries: 0,
    verified: 0,
    erased: 0,
    failed: 0,
    failures: [],
    root_holds: false,
  };
  const frontier = new Frontier();
  const fail = (position: number, reason: string): void => {
    report.failed += 1;
    if (report.failures.length < NAMED) report.failures.push({ position, reason });
  };
  const erased: number[] = [];
  const ordered: Range[] = [];
  if (older !== undefined) report.continues = false;
  for await (const text of lines) {
    const line = parsed(text);
    if (line === undefined) fail(frontier.size + 1, 'the line is no JSON');
    else if (!('position' in line)) continue;
    else if (frontier.size < head.size) {
      report.entries += 1;
      const expected = frontier.size + 1;
      const disclosure = disclosed(line);
      const leaf = leafHash(disclosure.header);
      frontier.append(leaf);
      const reason = flaw(line, expected, disclosure, leaf);
      if (reason !== undefined) fail(expected, reason);
      else report[line.salt === null ? 'erased' : 'verified'] += 1;
      if (reason === undefined && line.salt === null) erased.push(expected);
      if (reason === undefined) ordered.push(...rangesIn(line));
      each(expected, reason !== undefined ? 'failed' : line.salt === null ? 'erased' : 'verified');
      if (frontier.size === older?.size) report.continues = frontier.root().equals(older.root);
    }
  }
  for (const position of unasked(erased, ordered)) {
    report.erased -= 1;
    fail(position, UNASKED);
    each(position, 'failed');
  }
  report.root_holds = frontier.size === head.size && frontier.root().equals(head.root);
  report.ok = report.root_holds && report.failed === 0 && report.continues !== false;
  return report;
}

/** Holds one entry against a signed head by its proof. */
export function verifyProof({ index, hashes, extra }: TlogProof, head: Checkpoint): OfflineReport {
  const disclosure = extra === undefined ? undefined : (parsed(extra.toString()) as Disclosure | undefined);
  const verdict = disclosure?.header === undefined ? 'failed' : verdictOn(disclosure);
  const root_holds =
    disclosure?.header !== undefined && includes(hashes, leafHash(disclosure.header), index, head.size, head.root);
  const ok = root_holds && verdict !== 'failed';
  const reason = !root_holds
    ? 'the proof does not lead to the signed root'
    : 'the content is not what was committed to';
  return {
    ok,
    entries: 1,
    verified: ok && verdict === 'verified' ? 1 : 0,
    erased: ok && verdict === 'erased' ? 1 : 0,
    failed: ok ? 0 : 1,
    failures: ok ? [] : [{ position: index + 1, reason }],
    root_holds,
  };
}

type Range = [first: number, last: number];

/** Which entries an order to erase names. */
function rangesIn({ type, data }: ExportEntry): Range[] {
  const { ranges = [] } = type === 'SubjectErased' ? ((data ?? {}) as { ranges?: Range[] }) : {};
  return ranges.map(([first, last]) => [first, last]);
}

/** Entries, in order, that none of these ranges holds. */
function unasked(positions: number[], ranges: Range[]): number[] {
  const sorted = ranges.toSorted(([a], [b]) => a - b);
  let next = 0;
  let reached = 0;
  return positions.filter((position) => {
    while (next < sorted.length && sorted[next]![0] <= position) reached = Math.max(reached, sorted[next++]![1]);
    return position > reached;
  });
}

function flaw(entry: ExportEntry, expected: number, disclosure: Disclosure, leaf: Buffer): string | undefined {
  if (entry.position !== expected) return `the entry is missing; entry ${entry.position} is in its place`;
  if (leaf.toString('hex') !== entry.leaf_hash) return 'the header was changed';
  if (verdictOn(disclosure) === 'failed') return 'the content is not what was committed to';
  return undefined;
}

/** What an exported entry's leaf is made of. */
function disclosed({ time, data, salt, ...entry }: ExportEntry): Disclosure {
  const [envelope, content] = [entry.envelope_commitment, entry.data_commitment].map((hex) => Buffer.from(hex, 'hex'));
  const header = headerText({ ...entry, timestamp: time }, envelope!, content!);
  if (salt === null && data === null) return { header, envelope: null, data: null, salt: null };
  return {
    header,
    envelope: envelopeText(entry),
    data: data === null ? null : canonicalJson(data as JsonObject),
    salt,
  };
}

function parsed(text: string): ExportEntry | ExportManifest | ExportTrailer | undefined {
  try {
    return JSON.parse(text) as ExportEntry;
  } catch {
    return undefined;
  }
}
