/** Something that is not as it should be, where, and what to do about it. */
export interface Flaw {
  /** A table, and the row in it where there is one. */
  where: string;
  what: string;
  remedy: string;
}

export const CHECKS = ['sqlite', 'foreign-keys', 'words', 'chain', 'tables', 'vectors'] as const;
export type CheckName = (typeof CHECKS)[number];

export interface CheckResult {
  name: CheckName;
  ok: boolean;
  /** Rows, entries or words that were looked at; 0 where SQLite does not say. */
  checked: number;
  seconds: number;
  /** How many flaws there are. */
  flaw_count: number;
  /** The first of them. */
  flaws: Flaw[];
}

export interface IntegrityReport {
  ok: boolean;
  /** The end of the log that was looked at: what came later is not part of this. */
  position: number;
  started_at: string;
  finished_at: string;
  seconds: number;
  checks: CheckResult[];
}

/** How many flaws of a check are told in full; a broken page can make thousands. */
const TOLD = 20;

/** Collects what one check finds. */
export class Findings {
  private readonly flaws: Flaw[] = [];
  private count = 0;
  private readonly begin = performance.now();
  checked = 0;

  constructor(private readonly name: CheckName) {}

  add(flaw: Flaw): void {
    this.count += 1;
    if (this.flaws.length < TOLD) this.flaws.push(flaw);
  }

  result(): CheckResult {
    return {
      name: this.name,
      ok: this.count === 0,
      checked: this.checked,
      seconds: Math.round(performance.now() - this.begin) / 1000,
      flaw_count: this.count,
      flaws: this.flaws,
    };
  }
}

export const RESTORE = 'Restore the newest backup from before it happened: abathur restore.';
