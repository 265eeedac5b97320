import type { ListedBackup, Staged } from '#backup';
import { megabytes } from '#storage';
import { count } from '../progress.js';

/** Backups as a table, newest first. */
export function tableOf(backups: ListedBackup[]): string {
  const rows = [
    ['backup', 'why', 'entries', 'database', 'packed', 'took'],
    ...backups.map(({ id, reason, position, size, packed_size, seconds }) => [
      id,
      reason,
      count(position),
      megabytes(size),
      megabytes(packed_size),
      `${seconds.toFixed(1)} s`,
    ]),
  ];
  return columns(rows);
}

export function columns(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => `${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('');
}

/** What is going to be put in the place of what, and what will be gone by it. */
export function planOf(database: string, { manifest, log, migrated, trimmed, erased_again, loss }: Staged): string {
  const lines = [
    `Backup ${manifest.id} of ${manifest.created_at} is sound.`,
    `  It takes the place of ${database}${trimmed ? `, cut at entry ${log.position}` : ''}: ${count(log.position)} entries, the last of ${log.time ?? 'never'}.`,
    ...(migrated.length > 0 ? [`  Its schema was brought up to date: ${migrated.join(', ')}.`] : []),
    ...(erased_again > 0
      ? [`  What was erased since it was taken is erased from it again: ${count(erased_again)} erasures.`]
      : []),
    ...lossLines(loss).map((line) => `  ${line}`),
  ];
  return lines.join('\n');
}

/** A log that ends before its last signed head does not continue it: auditors have to be told. */
export const identityHint = ({ events, same_history, database }: Staged['loss']): string =>
  database === 'none' || (database === 'readable' && same_history && events === 0)
    ? ''
    : 'Signed heads of the old log do not go on with this one: abathur audit keys --renew begins a new identity; tell the auditors.\n';

function lossLines({ database, same_history, events, first, last, by_type }: Staged['loss']): string[] {
  if (database === 'none') return ['There is no database there, so nothing is lost.'];
  if (database === 'unknown')
    return ['The database there cannot be read, so what is lost by it is unknown. It is kept aside.'];
  const other = same_history
    ? []
    : ['The database there has another history: it is not the one that the backup was taken of.'];
  if (events === 0) return [...other, 'Nothing is lost: the database there has no later entry.'];
  return [
    ...other,
    `Lost: ${count(events)} later ${events === 1 ? 'entry' : 'entries'}, ${first!.position} to ${last!.position}, from ${first!.time} to ${last!.time}.`,
    ...Object.entries(by_type).map(([type, times]) => `  ${type} ${count(times)}`),
  ];
}
