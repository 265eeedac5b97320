import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { HttpException } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { refuse } from './broken-request.js';

/** Methods that a path can have; the others that Node can read are nobody's. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

/**
 * Refuses methods before anybody asks whose the request is: 501 for one that no path has, and for tunnels; 405 with `Allow`
 * for one that this path has not. There is no CORS, so OPTIONS is one like any other. Returns what is to be called
 * when all routes are there.
 */
export function refuseMethods(server: FastifyInstance): () => void {
  const taken = new Map<string, Set<string>>();
  let complete = false;
  server.addHook('onRoute', ({ url, method }) => {
    if (complete) return;
    const methods = taken.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    // Whoever can be asked can be asked for the headers alone.
    if (methods.has('GET')) methods.add('HEAD');
    taken.set(url, methods);
  });
  server.addHook('onRequest', ({ method, routeOptions: { url } }, reply, done) => {
    if (!METHODS.includes(method)) throw new HttpException(`There is no method ${method} here.`, 501);
    const methods = taken.get(url ?? '');
    if (methods === undefined || methods.has(method)) return done();
    const allow = [...methods].toSorted().join(', ');
    reply.header('allow', allow);
    throw new HttpException(`There is no ${method} here; this path takes ${allow}.`, 405);
  });
  server.server.on('connect', (_: IncomingMessage, socket: Socket) => {
    // It is nobody's any more: an error of it would end the process.
    socket.on('error', () => socket.destroy());
    refuse(socket, 501, 'There is no method CONNECT here: this is no proxy.');
    socket.destroySoon();
  });
  return () => {
    complete = true;
    // The router knows a path by its methods: with all of them, the path of a refused one is known as well.
    for (const [url, methods] of taken)
      server.route({ url, method: METHODS.filter((one) => !methods.has(one)), handler: () => undefined });
  };
}
