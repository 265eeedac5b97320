/** Milliseconds between two lines where there is no terminal. */
const LINE_EVERY = 2000;

/** Which case runs now: one line that changes where there is a terminal, a line every other second where there is none. */
export class NowLine {
  private shown = performance.now();

  constructor(
    private readonly total: number,
    private readonly quiet: boolean,
    private readonly out: NodeJS.WriteStream = process.stderr,
  ) {}

  show(done: number, what: string): void {
    if (this.quiet) return;
    const text = `${String(done).padStart(3)} of ${this.total}  ${what}`;
    if (this.out.isTTY) this.out.write(`\r${text.slice(0, (this.out.columns || 80) - 1)}\u001B[K`);
    else if (performance.now() - this.shown >= LINE_EVERY) {
      this.shown = performance.now();
      this.out.write(`${text}\n`);
    }
  }

  end(): void {
    if (!this.quiet && this.out.isTTY) this.out.write('\r\u001B[K');
  }
}
