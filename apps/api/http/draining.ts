import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DomainError } from '#kernel';

/** Who asks how the process is gets an answer to the end. */
export const ALWAYS = ['/health/live', '/health/ready', '/health', '/metrics'];

/**
 * Whether the process has been asked to stop. At once readiness says no, and every answer closes its connection. With a
 * delay, requests are still taken meanwhile, so that a load balancer can see it; then the port is closed, and a connection that
 * is refused can be tried elsewhere, whatever it was for. Without one, new work is refused at once, as a problem, and the port
 * stays open until what is under way is finished, so that it can be seen then. Endless answers end when new work does.
 */
export class Draining {
  private readonly asked = new AbortController();
  private readonly ending = new AbortController();
  private readonly underWay = new Set<FastifyRequest>();
  private whenIdle: () => void = () => undefined;
  private server: FastifyInstance | undefined;
  private refuses = false;

  /** The process was asked to stop. */
  get begun(): boolean {
    return this.asked.signal.aborted;
  }

  /** Aborted when answers without an end have to end. */
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  watch(server: FastifyInstance): void {
    this.server = server;
    server.addHook('onRequest', (request, reply, done) => {
      if (this.begun) reply.header('connection', 'close');
      if (ALWAYS.includes(request.routeOptions.url ?? '')) return done();
      if (this.refuses)
        throw new DomainError('unavailable', 'shutting-down', 'The server is shutting down.', { retry_after: 1 });
      this.underWay.add(request);
      reply.raw.once('close', () => this.leave(request));
      done();
    });
  }

  /** Resolves when the requests that were under way have been answered. */
  async begin(delay: number): Promise<void> {
    this.asked.abort();
    if (delay > 0) {
      await sleep(delay);
      const { server } = this.server!;
      server.close();
      server.closeIdleConnections();
    } else this.refuses = true;
    this.ending.abort();
    if (this.underWay.size > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }

  private leave(request: FastifyRequest): void {
    this.underWay.delete(request);
    if (this.underWay.size === 0) this.whenIdle();
  }
}
