import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { HttpException } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from './broken-request.js';

/** Methods that a path can have; the others that Node can read are nobody's. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

/**
 * 501 for a method that no path has, and for tunnels. Returns what is to be called when all routes are there: it
 * answers 405 with `Allow` for the methods that a path has not. There is no CORS, so OPTIONS is one like any other.
 */
export function refuseMethods(server: FastifyInstance): () => void {
  const taken = new Map<string, Set<string>>();
  server.addHook('onRoute', ({ url, method }) => {
    const methods = taken.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    // Whoever can be asked can be asked for the headers alone.
    if (methods.has('GET')) methods.add('HEAD');
    taken.set(url, methods);
  });
  server.addHook('onRequest', async ({ method }) => {
    if (!METHODS.includes(method)) throw new HttpException(`There is no method ${method} here.`, 501);
  });
  server.server.on('connect', (_: IncomingMessage, socket: Socket) => {
    // It is nobody's any more: an error of it would end the process.
    socket.on('error', () => socket.destroy());
    refuse(socket, 501, 'There is no method CONNECT here: this is no proxy.');
    socket.destroySoon();
  });
  return () => {
    for (const [url, methods] of taken) {
      const allow = [...methods].toSorted().join(', ');
      const refused = async ({ method }: FastifyRequest, reply: FastifyReply): Promise<never> => {
        reply.header('allow', allow);
        throw new HttpException(`There is no ${method} here; this path takes ${allow}.`, 405);
      };
      // Before its body is read: whatever it says, nobody wants it.
      const method = METHODS.filter((one) => !methods.has(one));
      server.route({ method, url, config: { isRefusal: true }, onRequest: refused, handler: refused });
    }
  };
}
