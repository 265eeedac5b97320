import type { FastifyInstance } from 'fastify';
import { DomainError } from '#kernel';

/** Seconds over which requests are counted. */
const WINDOW = 60;
const POLICY = 'key';

interface Bucket {
  /** Requests that may still come. */
  left: number;
  /** When that was so, in milliseconds. */
  at: number;
}

/**
 * At most so many requests a minute for each key, as a bucket that fills steadily: who was quiet may be quick for a moment.
 * Every answer says what is left (`RateLimit`, draft-ietf-httpapi-ratelimit-headers), a refusal when to come back.
 * Counted in this process: behind a balancer over n processes each lets through as much.
 */
export class RateLimit {
  private readonly buckets = new Map<string, Bucket>();
  /** When full buckets were last let go of. */
  private swept = 0;

  constructor(
    /** Requests a minute; 0: as many as anybody likes. */
    private readonly most: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** To be called after whoever finds out whose a request is. */
  watch(server: FastifyInstance): void {
    if (this.most === 0) return;
    const policy = `"${POLICY}";q=${this.most};w=${WINDOW}`;
    server.addHook('onRequest', ({ holder }, reply, done) => {
      if (holder === undefined) return done();
      const { left, wait } = this.take(holder.key_id);
      void reply.header('ratelimit-policy', policy);
      void reply.header('ratelimit', `"${POLICY}";r=${left};t=${wait}`);
      done();
    });
  }

  /** Takes one request; throws when there is none left. */
  take(key: string): { left: number; wait: number } {
    const now = this.now();
    const each = (WINDOW * 1000) / this.most;
    const { left: before, at } = this.buckets.get(key) ?? { left: this.most, at: now };
    const left = Math.min(this.most, before + (now - at) / each);
    if (left < 1) {
      const retry_after = Math.ceil(((1 - left) * each) / 1000);
      throw new DomainError('rate-limited', 'rate-limited', `The key may ask ${this.most} times a minute.`, {
        retry_after,
        hint: `Ask again in ${retry_after} s.`,
      });
    }
    this.buckets.set(key, { left: left - 1, at: now });
    if (now - this.swept >= WINDOW * 1000) this.sweep(now);
    return { left: Math.floor(left - 1), wait: Math.ceil(((this.most - left + 1) * each) / 1000) };
  }

  /** Who has been quiet for a minute has a full bucket, and none is kept for them. */
  private sweep(now: number): void {
    this.swept = now;
    for (const [key, { at }] of this.buckets) if (now - at >= WINDOW * 1000) this.buckets.delete(key);
  }
}
