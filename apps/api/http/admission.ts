import type { FastifyInstance } from 'fastify';
import { DomainError } from '#kernel';
import type { Log } from '#telemetry';
import { ALWAYS } from './draining.js';

/** Fewer requests than this are no overload, however long they take: they are always let in. */
const CALM = 64;
/** More than this are never let in: what waits has to fit into memory. */
const MOST = 1024;
/** Milliseconds that the oldest write may have waited, or that the event loop may be behind. */
const PATIENCE = 500;
const TICK = 50;
export const OVERLOADED = 'overloaded';

declare module 'fastify' {
  interface FastifyRequest {
    /** It was refused because there is too much to do. */
    shed?: boolean;
  }
}

/** Answers without an end: they wait for news, not for the server. */
const ENDLESS = '/v1/audit/feed';

/** Milliseconds without a refusal after which shedding has ended. */
const QUIET = 1000;

/** What admission looks at: milliseconds that the oldest write has waited for its commit. */
export interface Queue {
  readonly age: number;
}

/**
 * Sheds what could only wait. Without it, a server that gets twice what it can do answers everybody late; with it, those
 * who are let in are answered as at full load, and the others hear at once when to come back. It goes by how long
 * the oldest has waited, not by samples alone: those behind a long turn of the event loop are judged when they get their turn.
 * Once it sheds, it does so until the wait has halved, so that it does not flicker.
 */
export class Admission {
  private underWay = 0;
  private shedding = false;
  private ticked: number;
  private behind = 0;
  /** Since shedding began: when that was, when the last one was refused, and how many were. */
  private spell: { began: number; last: number; refused: number } | undefined;

  constructor(
    private readonly writes: Queue,
    private readonly log: Pick<Log, 'warn'>,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.ticked = now();
  }

  watch(server: FastifyInstance): void {
    const timer = setInterval(() => this.tick(), TICK).unref();
    server.addHook('onClose', async () => {
      clearInterval(timer);
      this.endSpell();
    });
    server.addHook('onRequest', (request, reply, done) => {
      const { url = '' } = request.routeOptions;
      if (ALWAYS.includes(url) || url === ENDLESS) return done();
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      if (!this.admits(isRead ? 0 : this.writes.age)) {
        request.shed = true;
        this.refused();
        throw overloaded();
      }
      this.underWay += 1;
      reply.raw.once('close', () => (this.underWay -= 1));
      done();
    });
  }

  /** Called again and again by a timer: how late it is says how far the event loop is behind. */
  tick(): void {
    const now = this.now();
    this.behind = now - this.ticked - TICK;
    this.ticked = now;
    if (this.spell !== undefined && now - this.spell.last >= QUIET) this.endSpell();
  }

  /** A line for each refusal would be more work, just when there is too much: one tells that it begins, one how it was. */
  private refused(): void {
    const now = this.now();
    if (this.spell === undefined) this.log.warn('shedding-began', { code: OVERLOADED, under_way: this.underWay });
    this.spell = { began: this.spell?.began ?? now, last: now, refused: (this.spell?.refused ?? 0) + 1 };
  }

  private endSpell(): void {
    if (this.spell === undefined) return;
    const { began, last, refused } = this.spell;
    this.spell = undefined;
    this.log.warn('shedding-ended', { code: OVERLOADED, refused, ms: Math.round(last - began) });
  }

  /** Whether one more may come in, when the oldest in its way has waited so long. */
  private admits(waited: number): boolean {
    if (this.underWay < CALM) return true;
    const late = Math.max(waited, this.behind, this.now() - this.ticked - TICK);
    this.shedding = late > (this.shedding ? PATIENCE / 2 : PATIENCE);
    return !this.shedding && this.underWay < MOST;
  }
}

const overloaded = (): DomainError =>
  new DomainError('unavailable', OVERLOADED, 'The server has more to do than it can.', {
    retry_after: 1,
    hint: 'Nothing was done. Send it again after Retry-After seconds, with the same Idempotency-Key.',
  });
