/** Each bucket is so much wider than the one below: quantiles are right to one per cent. */
const STEP = 1.02;
const LEAST = 0.01;
const BUCKETS = Math.ceil(Math.log(600_000 / LEAST) / Math.log(STEP));

/** Milliseconds, counted in buckets: as small after an hour as after a second. */
export class Latencies {
  private readonly counts = new Float64Array(BUCKETS + 1);
  count = 0;
  longest = 0;

  add(milliseconds: number): void {
    const index = Math.ceil(Math.log(Math.max(milliseconds, LEAST) / LEAST) / Math.log(STEP));
    this.counts[Math.min(index, BUCKETS)]! += 1;
    this.count += 1;
    this.longest = Math.max(this.longest, milliseconds);
  }

  /** `null` of nothing. */
  quantile(q: number): number | null {
    if (this.count === 0) return null;
    let left = q * this.count;
    for (let index = 0; index <= BUCKETS; index++) {
      left -= this.counts[index]!;
      if (left <= 0) return Math.min(LEAST * STEP ** index, this.longest);
    }
    return this.longest;
  }
}
