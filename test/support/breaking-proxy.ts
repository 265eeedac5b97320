import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** A request on its way to the server; what is changed here is what the server gets. */
export interface Passing {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
}

/** An answer on its way back. `body` is what the text is as JSON, and is sent when it was changed. */
export interface Returning {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** One behaviour of the server, broken. */
export interface Breakage {
  /** Answers without an end come to one at once. */
  cutsFeeds?: true;
  request?(passing: Passing): void;
  answer?(returning: Returning, asked: Passing): void | Promise<void>;
}

/** A server between a client and the real one that breaks one behaviour and leaves all others as they are. */
export async function breakingProxy(target: string, breakage: Breakage): Promise<{ url: string; close(): void }> {
  const server: Server = createServer((incoming, reply) => {
    void (async () => {
      const asked: Passing = {
        method: incoming.method!,
        path: incoming.url!,
        headers: { ...incoming.headers },
        text: await read(incoming),
      };
      breakage.request?.(asked);
      const answer = await pass(target, asked);
      if (answer.headers['content-type'] === 'text/event-stream') {
        reply.writeHead(answer.statusCode!, answer.headers);
        if (breakage.cutsFeeds) {
          answer.destroy();
          reply.end();
          return;
        }
        reply.flushHeaders();
        answer.pipe(reply);
        reply.once('close', () => answer.destroy());
        return;
      }
      const returning = { status: answer.statusCode!, headers: { ...answer.headers }, text: await read(answer) };
      await breakage.answer?.(returning, asked);
      delete returning.headers['content-length'];
      delete returning.headers['transfer-encoding'];
      reply.writeHead(returning.status, returning.headers);
      reply.end(returning.text);
    })().catch((error: Error) => reply.writeHead(599).end(error.message));
  });
  // On a busy machine a connection would be closed for idleness just when it is used again.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function pass(target: string, { method, path, headers, text }: Passing): Promise<IncomingMessage> {
  const { 'content-length': _, 'transfer-encoding': __, ...others } = headers;
  const length = text === '' ? {} : { 'content-length': Buffer.byteLength(text) };
  const outgoing = request(target + path, { method, headers: { ...others, ...length } });
  outgoing.end(text);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  return answer;
}

async function read(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
