import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '#kernel';
import { Log, Metrics } from '#telemetry';
import './admission.js';
import { PROBLEM_TYPE, problemOf } from './problem.js';

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
    const { status, code, headers, body } = problemOf(error, request);
    // A refusal that was meant, while draining or with a full disk, is no failure of the program.
    if (status > 500 && (error instanceof DomainError || error instanceof HttpException)) {
      // Those that are shed are told together.
      if (request.shed !== true) this.log.warn('request-refused', { request_id: request.id, code });
    } else if (status >= 500) this.log.error('request-failed', error, { request_id: request.id, code });
    this.metrics.errors.inc({ code });
    if (reply.sent) return;
    void reply.status(status).type(PROBLEM_TYPE).headers(headers).send(body);
  }
}
