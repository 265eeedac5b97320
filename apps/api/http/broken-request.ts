import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import { HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PROBLEM_TYPE, problemOf } from './problem.js';

/** Answers a URL that no route can be found for, because it cannot be decoded or a part of it is too long. */
export function refuseUrl(error: Error & { statusCode?: number }, request: FastifyRequest, reply: FastifyReply): void {
  const [statusCode, message] =
    error.statusCode === 414
      ? [414, 'A part of the URL is too long.']
      : [400, 'The URL holds a percent sign that encodes nothing.'];
  const { body } = problemOf({ statusCode, message }, { id: request.id, url: request.raw.url ?? '' });
  void reply.status(statusCode).type(PROBLEM_TYPE).header('x-request-id', request.id).send(JSON.stringify(body));
}

/** Answers an `Expect` that is not `100-continue`: Node would do it without a word. */
export function refuseExpectation(_: IncomingMessage, response: ServerResponse): void {
  const id = randomUUID();
  const { body } = problemOf({ statusCode: 417, message: 'Expect can only be 100-continue.' }, { id, url: '' });
  response.writeHead(417, { 'content-type': PROBLEM_TYPE, 'x-request-id': id, connection: 'close' });
  response.end(JSON.stringify(body));
}

const CAUSES: Record<string, [number, string]> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers are larger than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
};

/** Answers what is not HTTP, on the bare socket: there is no request yet, and there will be none. */
export function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return;
  const [statusCode, message] = CAUSES[error.code ?? ''] ?? [400, 'This is not a request that can be read.'];
  refuse(socket, statusCode, message);
}

/** Answers on a socket that no request goes with, and closes it. */
export function refuse(socket: Socket, statusCode: number, message: string): void {
  const id = randomUUID();
  const text = JSON.stringify(problemOf(new HttpException(message, statusCode), { id, url: '' }).body);
  socket.end(
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\ncontent-type: ${PROBLEM_TYPE}\r\nx-content-type-options: nosniff\r\n` +
      `x-request-id: ${id}\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}
