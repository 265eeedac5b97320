/** A figure beside what it is held against, and whether it is where it should be. */
export interface Figure {
  what: string;
  measured: string;
  target: string;
  ok: boolean;
}

export const per = (rate: number): string => `${Math.round(rate).toLocaleString('en')}/s`;
export const ms = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
export const mb = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MB`;
export const times = (ratio: number): string => `${ratio.toFixed(2)} ×`;

export function print(title: string, figures: Figure[]): void {
  const width = Math.max(...figures.map(({ what }) => what.length));
  const middle = Math.max(...figures.map(({ measured }) => measured.length));
  console.log(`\n${title}`);
  for (const { what, measured, target, ok } of figures) {
    console.log(`  ${ok ? '✓' : '✗'} ${what.padEnd(width)}  ${measured.padEnd(middle)}  (${target})`);
  }
}
