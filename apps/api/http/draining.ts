import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DomainError } from '#kernel';

/** Who asks how the process is gets an answer to the end. */
export const ALWAYS = ['/health/live', '/health/ready', '/health', '/metrics'];

/**
 * Whether the process has been asked to stop: readiness says no, endless answers end, what is under way finishes, and
 * new work is sent elsewhere. The port stays open until then, so that a load balancer can see all that.
 */
export class Draining {
  private readonly controller = new AbortController();
  private readonly underWay = new Set<FastifyRequest>();
  private whenIdle: () => void = () => undefined;

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  watch(server: FastifyInstance): void {
    server.addHook('onRequest', async (request, reply) => {
      if (ALWAYS.includes(request.routeOptions.url ?? '')) return;
      if (this.signal.aborted) {
        reply.header('connection', 'close');
        throw new DomainError('unavailable', 'shutting-down', 'The server is shutting down.', { retry_after: 1 });
      }
      this.underWay.add(request);
      reply.raw.once('close', () => this.leave(request));
    });
  }

  /** Resolves when the requests that were under way have been answered. */
  async begin(): Promise<void> {
    this.controller.abort();
    if (this.underWay.size > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }

  private leave(request: FastifyRequest): void {
    this.underWay.delete(request);
    if (this.underWay.size === 0) this.whenIdle();
  }
}
