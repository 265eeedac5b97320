import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { House } from '#assembly';
import './admission.js';

/** Request ids, metrics and one log line for each request. */
export function observeRequests(server: FastifyInstance, { metrics, log }: House): void {
  const known = new WeakMap<Socket, { received: number; sent: number }>();
  /** What has gone over a connection since its last answer. */
  const countBytes = (socket: Socket): void => {
    const before = known.get(socket) ?? { received: 0, sent: 0 };
    const now = { received: socket.bytesRead, sent: socket.bytesWritten };
    metrics.httpReceived.inc(Math.max(0, now.received - before.received));
    metrics.httpSent.inc(Math.max(0, now.sent - before.sent));
    known.set(socket, now);
  };
  server.addHook('onRequest', (request, reply, done) => {
    metrics.httpInFlight.inc();
    reply.header('x-request-id', request.id);
    done();
  });
  server.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    // The route's pattern, never the URL: labels stay few, and no name of a user becomes one.
    const route = request.routeOptions.url ?? 'none';
    const seconds = reply.elapsedTime / 1000;
    metrics.httpInFlight.dec();
    countBytes(request.socket);
    metrics.httpRequests.inc({ method, route, code: reply.statusCode });
    metrics.httpDuration.observe({ method, route }, seconds);
    // Those that are shed are told together.
    if (request.shed === true) return done();
    log.info('request', {
      request_id: request.id,
      method,
      route,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 100) / 100,
    });
    done();
  });
}
