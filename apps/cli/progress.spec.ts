import { describe, expect, it } from '@jest/globals';
import { Progress } from './progress.js';

/** A terminal so many columns wide, that remembers what was written to it. */
function terminal(columns: number): { stream: NodeJS.WriteStream; lines(): string[] } {
  let written = '';
  const stream = { isTTY: true, columns, write: (text: string) => (written += text) !== '' };
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    lines: () => written.split(/[\r\n]+|\u001B\[K/).filter((line) => line !== ''),
  };
}

describe('R-O9 A bar', () => {
  it.each([40, 60, 80, 200])('on a terminal of %i columns stays on its line', (columns) => {
    const { stream, lines } = terminal(columns);
    const progress = new Progress('Unpacking', 98_029_568, stream, false, { since: performance.now() - 5000 });
    progress.reach(58_277_888);
    progress.end();
    expect(lines().length).toBeGreaterThan(1);
    for (const line of lines()) expect(line.length).toBeLessThan(columns);
  });

  it('counts from when the work began, and writes amounts as it is told to', () => {
    const { stream, lines } = terminal(100);
    const since = performance.now() - 10_000;
    new Progress('Packing', 4000, stream, false, { since, spell: (value) => `${value} B` }).reach(2000);
    const [, left, rate] = /50 %, 2000 B of 4000 B, (\d+) B\/s, (.*) left/.exec(lines()[0]!) ?? [];
    expect(Number(left)).toBeLessThanOrEqual(200);
    expect(rate).toMatch(/^\d/);
  });

  it('of time that passes tells no rate', () => {
    const { stream, lines } = terminal(100);
    new Progress('Watching', 900, stream, false, { isTime: true }).reach(450);
    expect(lines()[0]).toMatch(/ 50 %, 7 min 30 s of 15 min 00 s, .* left$/);
    expect(lines()[0]).not.toContain('/s');
  });
});
