import { STATUS_CODES } from 'node:http';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError, type ErrorDetails, type ErrorKind } from '#kernel';
import { Log, Metrics } from '#telemetry';

/** The only place that knows HTTP statuses of errors. */
const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  'not-found': 404,
  conflict: 409,
  'version-conflict': 412,
  'too-large': 413,
  'key-reused': 422,
  unavailable: 503,
  'storage-full': 507,
};

interface Failure {
  status: number;
  code: string;
  detail?: string;
  details?: ErrorDetails;
}

/** Every error becomes `application/problem+json` (RFC 9457). */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly log: Log,
    private readonly metrics: Metrics,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const { status, code, detail, details = {} } = failureOf(error);
    if (status >= 500) this.log.error('request-failed', error, { request_id: request.id, code });
    this.metrics.errors.inc({ code });
    const { errors, current_version, hint, retry_after } = details;
    if (reply.sent) return;
    reply.status(status).type('application/problem+json');
    if (status === 503 || status === 429) reply.header('retry-after', String(retry_after ?? 1));
    void reply.send({
      type: `/problems/${code}`,
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail,
      instance: request.url.split('?')[0],
      code,
      request_id: request.id,
      errors,
      current_version,
      hint,
    });
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof DomainError) {
    return { status: STATUS[error.kind], code: error.code, detail: error.message, details: error.details };
  }
  if (error instanceof HttpException) {
    const status = error.getStatus();
    return { status, code: codeOf(status), detail: error.message };
  }
  // What the HTTP server refuses by itself: bodies too large, unknown content types, broken requests.
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, code: codeOf(statusCode), detail: message };
  }
  if (statusCode === 503) return { status: 503, code: 'shutting-down', detail: 'The server is shutting down.' };
  // An unexpected error is for the log; the client gets the request's id to ask with.
  return { status: 500, code: 'internal-error', detail: 'Something went wrong here. Ask with the request_id.' };
}

const CODES: Record<number, string> = {
  400: 'invalid-request',
  404: 'route-not-found',
  405: 'method-not-allowed',
  413: 'body-too-large',
  414: 'uri-too-long',
  415: 'unsupported-media-type',
};

const codeOf = (status: number): string => CODES[status] ?? 'request-refused';
