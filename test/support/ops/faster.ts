/** Units of durations as Prometheus spells them, in milliseconds. */
const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** What a window needs at least to hold several scrapes of one second. */
const SHORTEST_WINDOW = 5_000;

/**
 * The same alert rules, sixty times as fast: what has to last for five minutes has to last for five seconds. Windows of
 * expressions shrink with it; numbers that are compared with stay.
 */
export const faster = (rules: string, factor = 60): string =>
  rules
    .replaceAll(/\[(\w+)\]/g, (_, window: string) => `[${shrink(window, factor, SHORTEST_WINDOW)}]`)
    .replaceAll(/^(\s*for: )(\w+)$/gm, (_, before: string, duration: string) => `${before}${shrink(duration, factor)}`);

function shrink(duration: string, factor: number, least = 0): string {
  const parts = [...duration.matchAll(/(\d+)(ms|[smhdw])/g)];
  const total = parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0);
  return `${Math.max(least, Math.round(total / factor))}ms`;
}
