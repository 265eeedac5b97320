import { invalid } from '#kernel';

/**
 * When a job runs: five fields, as cron knows them, in UTC: minute, hour, day of month, month, day of week (0 and 7 are
 * Sunday). Each is `*`, a number, a range `1-5`, either with a step `/15`, or a list of these. Where both days are told,
 * either will do. In UTC no hour is missing and none comes twice, so that is all there is to it.
 */
export interface Schedule {
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  months: ReadonlySet<number>;
  runsOn(day: Date): boolean;
}

const FIELDS = [
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12 },
  { name: 'day of week', from: 0, to: 7 },
] as const;

const HINT = 'Five fields in UTC: minute, hour, day of month, month, day of week; for instance "30 3 * * *".';

/** Reads an expression; refuses one that cannot be read, and one that never comes. */
export function parseSchedule(expression: string, field = 'schedule'): Schedule {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== FIELDS.length)
    throw invalid(field, `has ${parts.length} fields, but a schedule has ${FIELDS.length}`, HINT);
  const [minutes, hours, days, months, weekdays] = parts.map((part, index) => numbersOf(part, FIELDS[index]!, field));
  const anyDay = parts[2] === '*';
  const anyWeekday = parts[4] === '*';
  const onWeekday = (weekday: number): boolean => weekdays!.has(weekday) || (weekday === 0 && weekdays!.has(7));
  const schedule = {
    minutes: minutes!,
    hours: hours!,
    months: months!,
    runsOn: (day: Date): boolean => {
      const byDay = days!.has(day.getUTCDate());
      const byWeekday = onWeekday(day.getUTCDay());
      return anyDay || anyWeekday ? byDay && byWeekday : byDay || byWeekday;
    },
  };
  if (nextRun(schedule, '2000-01-01T00:00:00.000Z') === null) throw invalid(field, `"${expression}" never comes`, HINT);
  return schedule;
}

/** Days within which every date of the calendar comes, the 29th of February around 2100 included. */
const LONGEST = 8 * 366 + 1;

/** The first minute after `time` (ISO-8601) at which it runs; `null` when there is none. */
export function nextRun({ minutes, hours, months, runsOn }: Schedule, time: string): string | null {
  const after = new Date(Math.floor(Date.parse(time) / 60_000 + 1) * 60_000);
  const day = new Date(Date.UTC(after.getUTCFullYear(), after.getUTCMonth(), after.getUTCDate()));
  for (let n = 0; n < LONGEST; n++, day.setUTCDate(day.getUTCDate() + 1)) {
    if (!months.has(day.getUTCMonth() + 1) || !runsOn(day)) continue;
    for (let minute = 0; minute < 24 * 60; minute++) {
      const moment = day.getTime() + minute * 60_000;
      if (moment >= after.getTime() && hours.has(Math.floor(minute / 60)) && minutes.has(minute % 60))
        return new Date(moment).toISOString();
    }
  }
  return null;
}

function numbersOf(text: string, { name, from, to }: (typeof FIELDS)[number], field: string): Set<number> {
  const numbers = new Set<number>();
  for (const part of text.split(',')) {
    const [, star, first, last, step = '1'] = /^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    const lowest = star === undefined ? Number(first) : from;
    // `5/15` is from 5 on, each 15.
    const open = star !== undefined || (last === undefined && part.includes('/'));
    const highest = open ? to : Number(last ?? first);
    const readable = lowest >= from && highest <= to && lowest <= highest && Number(step) > 0;
    if (!readable) throw invalid(field, `"${part.slice(0, 40)}" is no ${name} (${from} to ${to})`, HINT);
    for (let number = lowest; number <= highest; number += Number(step)) numbers.add(number);
  }
  return numbers;
}
