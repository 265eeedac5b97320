import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { DomainError, type ErrorDetails, type ErrorKind } from '#kernel';

/** The only place that knows HTTP statuses of errors. */
const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'version-conflict': 412,
  'too-large': 413,
  'rate-limited': 429,
  'key-reused': 422,
  unavailable: 503,
  'storage-full': 507,
};

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** An error as RFC 9457 shows it, with the headers that go with it. */
export interface Problem {
  status: number;
  code: string;
  headers: Record<string, string>;
  body: object;
}

export function problemOf(error: unknown, { id, url }: { id: string; url: string }): Problem {
  const { status, code, detail, details = {} } = failureOf(error);
  const { errors, current_version, hint, retry_after } = details;
  return {
    status,
    code,
    headers: headersOf(status, retry_after),
    body: {
      type: `/problems/${code}`,
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail,
      instance: url.split('?')[0],
      code,
      request_id: id,
      errors,
      current_version,
      hint,
    },
  };
}

function headersOf(status: number, retry_after = 1): Record<string, string> {
  if (status === 503 || status === 429) return { 'retry-after': String(retry_after) };
  return status === 401 ? { 'www-authenticate': 'Bearer realm="abathur"' } : {};
}

interface Failure {
  status: number;
  code: string;
  detail?: string;
  details?: ErrorDetails;
}

function failureOf(error: unknown): Failure {
  if (error instanceof DomainError) {
    return { status: STATUS[error.kind], code: error.code, detail: error.message, details: error.details };
  }
  if (error instanceof HttpException) return refused(error.getStatus(), error.message);
  // What the HTTP server refuses by itself: bodies too large, unknown content types, broken requests.
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return refused(statusCode, message!);
  // An unexpected error is for the log; the client gets the request's id to ask with.
  return { status: 500, code: 'internal-error', detail: 'Something went wrong here. Ask with the request_id.' };
}

const CODES: Record<number, string> = {
  400: 'invalid-request',
  404: 'route-not-found',
  405: 'method-not-allowed',
  408: 'request-timeout',
  413: 'body-too-large',
  414: 'uri-too-long',
  415: 'unsupported-media-type',
  431: 'headers-too-large',
};

/** Which part of the request a status of the HTTP server is about. */
const PARTS: Record<number, string> = { 400: 'url', 413: 'body', 414: 'url', 415: 'Content-Type', 431: 'headers' };

function refused(status: number, detail: string): Failure {
  const field = PARTS[status];
  const errors = field === undefined ? undefined : [{ field, detail }];
  return { status, code: CODES[status] ?? 'request-refused', detail, details: { errors } };
}
