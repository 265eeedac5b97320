import { count } from '../progress.js';
import type { KindFigures, TrafficFigures } from './drive.js';

const ms = (value: number | null): string => (value === null ? '–' : value < 10 ? value.toFixed(2) : value.toFixed(0));

/** Share of what was answered, shed or broken that went wrong. */
export const errorRate = ({ answered, shed, failed }: Omit<KindFigures, 'kind'>): number =>
  failed / Math.max(1, answered + shed + failed);

/** Figures for a person. */
export function tableOf(figures: TrafficFigures): string {
  const rows = [...figures.kinds, { kind: 'all', ...figures.all }].map((kind) => [
    kind.kind,
    count(kind.answered),
    count(kind.shed),
    count(kind.failed),
    ms(kind.p50),
    ms(kind.p99),
    ms(kind.longest),
  ]);
  const head = ['', 'answered', 'shed', 'failed', 'p50 ms', 'p99 ms', 'max ms'];
  const widths = head.map((word, column) => Math.max(word.length, ...rows.map((row) => row[column]!.length)));
  const line = (row: string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd();
  const { due, unsent, from_sending: sending, goodput, seconds, sessions, failures } = figures;
  const how = figures.rate === null ? 'as fast as answers came' : `${count(figures.rate)} requests per second due`;
  return [
    line(head),
    ...rows.map(line),
    `${count(sessions)} sessions, ${how}, ${seconds.toFixed(1)} s: ${count(Math.round(goodput))} good answers per second, errors ${(errorRate(figures.all) * 100).toFixed(3)} %.`,
    ...(figures.rate === null
      ? []
      : [
          `Times are from when a request was due; from sending alone p50 ${ms(sending.p50)}, p99 ${ms(sending.p99)} ms.`,
        ]),
    ...(unsent > 0 ? [`${count(unsent)} of ${count(due)} requests were still waiting for their turn at the end.`] : []),
    ...failures.map((failure) => `failed: ${failure}`),
    '',
  ].join('\n');
}
