import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { judge, type KeyHolder, type Principal, type Scope } from '#access';
import { wasAnsweredAlike } from '#audit-log';
import { DomainError } from '#kernel';
import { contextOwners, type House } from '#assembly';
import { conflictNamespaces } from '#memories';
import { sessionOwners } from '#sessions';
import { agentSession, taskSession } from '#work';
import { idempotencyOf } from './caller.js';
import { asksForQuarantined, writtenMemory, type Asked, type Demand, type Owners } from './demands.js';
import './holder.js';
import { ROUTES, type RouteRight } from './route-rights.js';

/** How often it is asked again whose an answer without an end is, in milliseconds. */
const ASK_AGAIN = 500;
const ENDLESS = 'GET /v1/audit/feed';

/**
 * Lets in who shows a key, and only to what that key has a right to. First who it is, before anything of the body is read;
 * then, once the form of the request has been checked, what it is about. Without keys (`ABATHUR_AUTH=off`) it lets in everybody.
 */
export class Gate {
  private readonly on: boolean;
  /** Whose sessions are, and what belongs to them. */
  readonly owners: Owners;

  constructor(private readonly house: Pick<House, 'config' | 'keys' | 'reads'>) {
    this.on = house.config.ABATHUR_AUTH === 'keys';
    const { reads } = house;
    const session: Owners['session'] = (id) => scopeOf(reads.point(sessionOwners, id));
    const ofSession = (found: { session_id: string | null } | undefined): Scope | undefined =>
      found?.session_id === null ? { kind: 'tasks' } : found && session(found.session_id);
    this.owners = {
      session,
      task: (id) => ofSession(reads.point(taskSession, id)),
      agent: (id) => ofSession(reads.point(agentSession, id)),
      context: (id) => reads.point(contextOwners, id),
      conflict: (id) => reads.point(conflictNamespaces, id),
    };
  }

  watch(server: FastifyInstance): void {
    if (!this.on) return;
    server.addHook('onRequest', (request, reply, done) => {
      this.enter(request, reply);
      done();
    });
  }

  /** To be asked when the form of the request is known to be right. */
  check(request: FastifyRequest): void {
    if (request.holder === undefined) return;
    const { principal } = request.holder;
    const asked = request as unknown as Asked;
    if (asksForQuarantined(asked)) this.judgeAll(request, principal, [{ right: 'read', scope: { kind: 'audit' } }]);
    this.judgeAll(request, principal, rightOf(request)!.demands?.(asked, this.owners) ?? []);
  }

  /** One line of an import, which no check of the whole request has seen. */
  checkMemory(request: FastifyRequest, memory: object): void {
    if (request.holder === undefined) return;
    this.judgeAll(request, request.holder.principal, writtenMemory(memory as Record<string, unknown>, this.owners));
  }

  private enter(request: FastifyRequest, reply: FastifyReply): void {
    // What is no route is answered as such to everybody.
    if (request.is404) return;
    const needed = rightOf(request);
    if (needed?.of === 'anybody') return;
    const holder = this.holderOf(request);
    if (holder === undefined) throw unauthenticated();
    request.holder = holder;
    if (needed === undefined || !mayAsk(holder.principal, needed)) {
      request.denied = true;
      throw forbidden(holder.principal, needed);
    }
    if (routeOf(request) === ENDLESS) this.endWithKey(request, reply);
  }

  private holderOf({ headers }: FastifyRequest): KeyHolder | undefined {
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    const named = headers['x-api-key'];
    // Two different ones would leave open which counts.
    if (headers.authorization !== undefined && bearer === undefined) return undefined;
    if (bearer !== undefined && named !== undefined && named !== bearer) return undefined;
    const text = bearer ?? named;
    return typeof text === 'string' ? this.house.keys.holder(text, new Date().toISOString()) : undefined;
  }

  /** A revoked key ends what it has opened. */
  private endWithKey(request: FastifyRequest, reply: FastifyReply): void {
    const timer = setInterval(() => {
      if (this.holderOf(request) === undefined) reply.raw.destroy();
    }, ASK_AGAIN).unref();
    reply.raw.once('close', () => clearInterval(timer));
  }

  private judgeAll(request: FastifyRequest, principal: Principal, demands: Demand[]): void {
    if (principal.role === 'operator') return;
    for (const { right, scope, absent } of demands) {
      // What is not there, whoever may know that is told by the handler, in its own words.
      if (scope === undefined && principal.role === 'auditor' && right === 'read') continue;
      const verdict = scope === undefined ? undefined : judge(principal, right, scope);
      if (verdict?.allowed === true) continue;
      if (verdict === undefined && this.isAnswered(request)) continue;
      request.denied = verdict !== undefined;
      throw (
        absent?.() ?? missing(verdict?.reason ?? `The ${principal.role} key has no right to ${right} this (session).`)
      );
    }
  }

  /** What a request has done away with is not there when it comes again: its first answer is given again, to who got it. */
  private isAnswered(request: FastifyRequest): boolean {
    const idempotency = idempotencyOf(request);
    return idempotency !== undefined && this.house.reads.point(wasAnsweredAlike, idempotency);
  }
}

const routeOf = ({ method, routeOptions: { url } }: FastifyRequest): string =>
  `${method === 'HEAD' ? 'GET' : method} ${url}`;

const rightOf = (request: FastifyRequest): RouteRight | undefined => ROUTES[routeOf(request)];

function mayAsk(principal: Principal, { of, right }: RouteRight): boolean {
  if (of === 'anybody') return true;
  if (of === 'clients') return principal.role !== 'auditor' || right === 'read';
  return judge(principal, right, { kind: of }).allowed;
}

function scopeOf(
  owners: { app_name: string; user_id: string; project_id: string | null } | null,
): Extract<Scope, { kind: 'session' }> | undefined {
  return owners === null
    ? undefined
    : { kind: 'session', app: owners.app_name, user: owners.user_id, project: owners.project_id };
}

// The same whatever is wrong with it: who guesses learns nothing.
const unauthenticated = (): DomainError =>
  new DomainError('unauthenticated', 'no-key', 'The request shows no key that is valid here.', {
    hint: 'Send Authorization: Bearer abk_…; keys are made with abathur keys create.',
  });

const missing = (reason: string): DomainError => new DomainError('forbidden', 'no-right', reason);

const forbidden = ({ role }: Principal, needed: RouteRight | undefined): DomainError =>
  missing(
    needed === undefined
      ? 'No right is known for this route.'
      : `The ${role} key has no right to ${needed.right} this (${needed.of}).`,
  );
