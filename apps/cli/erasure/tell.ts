import type { Erasure } from '#assembly';
import { columns } from '../backup/texts.js';
import { count } from '../progress.js';
import type { Plan } from './desk.js';

export function planText({ entries, counts, shared }: Plan): string {
  if (entries === 0) return 'Nothing of it is left: it was erased before.\n';
  const rows = Object.entries(counts).map(([table, number]) => ['', table, count(number)]);
  const others =
    shared.length === 0
      ? ''
      : `Others have a part in ${count(shared.length)} of the things that would go:\n${shared.map((one) => `  ${one}\n`).join('')}`;
  return `${count(entries)} entries of the log would lose their content, and rows would go:\n${columns(rows)}${others}`;
}

export function erasureText(erasure: Erasure, repeated: boolean): string {
  const { id, completed_at, entries, removed } = erasure;
  if (repeated) return `Nothing of it is left: it was erased at ${completed_at} (erasure ${id}).\n`;
  const rows = Object.values(removed ?? {}).reduce((sum, number) => sum + number, 0);
  return `Erased: ${count(entries)} entries and ${count(rows - (removed?.['audit'] ?? 0))} rows, at ${completed_at}.\nErasure ${id}; its certificate: abathur erasures certificate ${id}\n`;
}

export function erasuresText(erasures: Erasure[]): string {
  if (erasures.length === 0) return 'Nothing was erased.\n';
  return columns([
    ['erasure', 'kind', 'entries', 'completed', 'by', 'why'],
    ...erasures.map(({ id, subject_kind, entries, completed_at, requested_by, reason }) => [
      id,
      subject_kind,
      count(entries),
      completed_at ?? 'under way',
      requested_by,
      reason,
    ]),
  ]);
}
