const WIDTH = 24;
const LEAST_WIDTH = 6;
const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
/** Milliseconds between two drawings of the bar, and between two plain lines. */
const REDRAW = 80;
const LINE_EVERY = 2000;

export interface ProgressOptions {
  /** When the work began, where it is shown only after a while. */
  since?: number;
  /** How an amount is written: a count by itself. */
  spell?: (value: number) => string;
  /** What passes are seconds: they have no rate. */
  isTime?: boolean;
}

/** How far long work is: a bar where there is a terminal, a line every other second where there is none. */
export class Progress {
  private readonly begin: number;
  private readonly spell: (value: number) => string;
  private readonly isTime: boolean;
  private readonly terminal: boolean;
  private done = 0;
  private shown: number;

  constructor(
    private readonly title: string,
    private total: number,
    private readonly out: NodeJS.WriteStream = process.stderr,
    private readonly quiet = false,
    { since = performance.now(), isTime = false, spell = isTime ? duration : count }: ProgressOptions = {},
  ) {
    this.begin = since;
    this.spell = spell;
    this.isTime = isTime;
    this.terminal = out.isTTY === true;
    this.shown = this.terminal ? 0 : this.begin;
  }

  add(count: number): void {
    this.reach(this.done + count);
  }

  /** What there is to do may turn out to be more or less on the way. */
  reach(done: number, total = this.total): void {
    this.done = done;
    this.total = total;
    const now = performance.now();
    if (this.quiet || now - this.shown < (this.terminal ? REDRAW : LINE_EVERY)) return;
    this.shown = now;
    if (this.terminal) this.out.write(`\r${this.bar()}\u001B[K`);
    else this.out.write(`${this.title}: ${this.figures()}\n`);
  }

  /** Leaves the last state on the screen; returns the seconds since the beginning. */
  end(): number {
    if (!this.quiet) {
      if (this.terminal) this.out.write(`\r${this.bar()}\u001B[K\n`);
      else this.out.write(`${this.title}: ${this.figures()}\n`);
    }
    return this.seconds;
  }

  private get seconds(): number {
    return (performance.now() - this.begin) / 1000;
  }

  private bar(): string {
    const share = this.total === 0 ? 1 : this.done / this.total;
    const [head, figures] = [`${this.title.padEnd(12)} `, this.figures()];
    // A line that is longer than the terminal is wide is not written over but left behind.
    const room = (this.out.columns || 80) - 1;
    const width = Math.max(LEAST_WIDTH, Math.min(WIDTH, room - head.length - 1 - figures.length));
    const eighths = Math.round(share * width * 8);
    const filled = `${'█'.repeat(Math.floor(eighths / 8))}${PARTS[eighths % 8]}`;
    return `${head}${filled.padEnd(width, '░')} ${figures}`.slice(0, room);
  }

  private figures(): string {
    const { done, total, seconds } = this;
    const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
    const rate = seconds > 0 ? done / seconds : 0;
    const rest =
      done >= total ? `in ${duration(seconds)}` : `${rate > 0 ? duration((total - done) / rate) : 'some time'} left`;
    const perSecond = this.isTime ? '' : `${this.spell(Math.round(rate))}/s, `;
    return `${percent} %, ${this.spell(done)} of ${this.spell(total)}, ${perSecond}${rest}`;
  }
}

export const count = (value: number): string => value.toLocaleString('en-US');

export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, '0')} s`;
}
