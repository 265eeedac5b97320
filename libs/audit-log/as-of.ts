import { invalid } from '#kernel';
import { defineRead, sql, type ReadSide } from '#storage';
import { headPosition, positionAt } from './positions.js';

/**
 * Turns `as_of`, a log position or an ISO-8601 time, into the position whose past it names. Refuses what is beyond
 * the head or in the future: it would answer differently tomorrow.
 */
export function resolveAsOf(
  reads: ReadSide,
  asOf: string | undefined,
  now: string,
  field = 'as_of',
): number | undefined {
  if (asOf === undefined) return undefined;
  if (POSITION.test(asOf)) {
    const position = Number(asOf);
    const head = reads.point(headPosition, null);
    if (position > head) throw invalid(field, `position ${position} is beyond the head, which is ${head}`);
    return position;
  }
  const time = isoTime(asOf, field);
  if (time > now) throw invalid(field, `${asOf} is in the future`);
  return reads.point(positionAt, time);
}

const timeOf = defineRead(
  'audit.time-of',
  (db, position: number): string =>
    db.one<{ time: string }>(sql`SELECT timestamp AS time FROM audit WHERE position = ${position}`)?.time ?? '',
);

/**
 * The moment that a question is about. What ends by itself ends at a time, so the past is a position and a time: the one
 * that was asked for, or that of the entry there.
 */
export function resolveMoment(
  reads: ReadSide,
  asOf: string | undefined,
  now: string,
): { as_of: number | undefined; now: string } {
  const as_of = resolveAsOf(reads, asOf, now);
  if (as_of === undefined) return { as_of, now };
  return { as_of, now: POSITION.test(asOf!) ? reads.point(timeOf, as_of) : isoTime(asOf!, 'as_of') };
}

const POSITION = /^\d{1,16}$/;
const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** A client's time as ISO-8601 UTC with milliseconds; refuses what is not a real moment. */
export function isoTime(text: string, field: string): string {
  const milliseconds = ISO.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(milliseconds) || !sameDay(text, milliseconds)) {
    throw invalid(
      field,
      `"${text.slice(0, 40)}" is not an ISO-8601 time with a zone, for instance 2026-01-31T12:00:00.000Z`,
    );
  }
  return new Date(milliseconds).toISOString();
}

// Date.parse turns 30 February into 2 March.
function sameDay(text: string, milliseconds: number): boolean {
  const zone = /[+-]\d{2}:\d{2}$/.exec(text.slice(10))?.[0];
  const offset =
    zone === undefined ? 0 : (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)));
  return new Date(milliseconds + offset * 60_000).toISOString().startsWith(text.slice(0, 10));
}
