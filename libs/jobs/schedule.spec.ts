import { describe, expect, it } from '@jest/globals';
import { assert, constant, integer, oneof, property, tuple } from 'fast-check';
import { nextRun, parseSchedule } from './schedule.js';

const next = (expression: string, after: string): string | null => nextRun(parseSchedule(expression), after);

describe('R-M12 A schedule', () => {
  it.each([
    ['30 3 * * *', '2026-11-25T03:29:59.999Z', '2026-11-25T03:30:00.000Z'],
    ['30 3 * * *', '2026-11-25T03:30:00.000Z', '2026-11-26T03:30:00.000Z'],
    ['*/15 * * * *', '2026-11-25T10:46:00.000Z', '2026-11-25T11:00:00.000Z'],
    ['5/20 * * * *', '2026-11-25T10:26:00.000Z', '2026-11-25T10:45:00.000Z'],
    ['0 9-17/4 * * *', '2026-11-25T09:00:00.000Z', '2026-11-25T13:00:00.000Z'],
    ['0 0 1 * *', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'],
    ['0 4 * * 1', '2026-11-25T00:00:00.000Z', '2026-11-30T04:00:00.000Z'],
    ['0 4 * * 0', '2026-11-25T00:00:00.000Z', '2026-11-29T04:00:00.000Z'],
    ['0 4 * * 7', '2026-11-25T00:00:00.000Z', '2026-11-29T04:00:00.000Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00.000Z', '2028-02-29T00:00:00.000Z'],
    ['0 0 29 2 *', '2096-03-01T00:00:00.000Z', '2104-02-29T00:00:00.000Z'],
    ['1,31 0,12 * 6 *', '2026-06-30T12:31:00.000Z', '2027-06-01T00:01:00.000Z'],
  ])('%s after %s comes at %s', (expression, after, expected) => {
    expect(next(expression, after)).toBe(expected);
  });

  it('comes on either day when both are told, as cron has it', () => {
    expect(next('0 0 13 * 5', '2026-11-25T00:00:00.000Z')).toBe('2026-11-27T00:00:00.000Z');
    expect(next('0 0 13 * 5', '2026-12-12T00:00:00.000Z')).toBe('2026-12-13T00:00:00.000Z');
  });

  const number = (from: number, to: number) => integer({ min: from, max: to });
  const part = (from: number, to: number) =>
    oneof(
      constant('*'),
      number(from, to).map(String),
      tuple(number(from, to), number(from, to)).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      number(1, 20).map((step) => `*/${step}`),
    );

  it('comes at the first minute that fits, and at no other', () => {
    const expressions = tuple(part(0, 59), part(0, 23), part(1, 28), part(1, 12), part(0, 7));
    assert(
      property(expressions, number(0, 700 * 24 * 60), (fields, minutes) => {
        const schedule = parseSchedule(fields.join(' '));
        const after = new Date(Date.UTC(2026, 0, 1) + minutes * 60_000);
        const found = new Date(nextRun(schedule, after.toISOString())!);
        const fits = (at: Date): boolean =>
          schedule.minutes.has(at.getUTCMinutes()) &&
          schedule.hours.has(at.getUTCHours()) &&
          schedule.months.has(at.getUTCMonth() + 1) &&
          schedule.runsOn(at);
        expect(found > after && fits(found)).toBe(true);
        let missed = 0;
        for (let at = after.getTime() + 60_000, n = 0; at < found.getTime() && n < 3000; at += 60_000, n++)
          if (fits(new Date(at))) missed += 1;
        expect(missed).toBe(0);
      }),
    );
  });

  it.each([
    ['', 'fields'],
    ['* * * *', 'fields'],
    ['0 * * * * *', 'fields'],
    ['60 * * * *', 'minute'],
    ['* 24 * * *', 'hour'],
    ['* * 0 * *', 'day of month'],
    ['* * * 13 *', 'month'],
    ['* * * * 8', 'day of week'],
    ['*/0 * * * *', 'minute'],
    ['5-1 * * * *', 'minute'],
    ['a * * * *', 'minute'],
    ['1, * * * *', 'minute'],
    ['-1 * * * *', 'minute'],
    ['0 0 30 2 *', 'never comes'],
    ['@daily', 'fields'],
  ])('"%s" is refused', (expression, reason) => {
    expect(() => parseSchedule(expression)).toThrow(reason);
  });
});
