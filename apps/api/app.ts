import 'reflect-metadata';
import type { IncomingMessage } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { House } from '#assembly';
import { ApiModule } from './api.module.js';
import { Admission } from './http/admission.js';
import { BODY_LIMIT, readBodies } from './http/body.js';
import { refuseConnection, refuseExpectation, refuseUrl } from './http/broken-request.js';
import { requestId } from './http/caller.js';
import { Contract } from './http/contract.js';
import { Draining } from './http/draining.js';
import { hideForeign } from './http/foreign.js';
import { Gate } from './http/gate.js';
import { refuseMethods } from './http/methods.js';
import { observeRequests } from './http/observe.js';
import { auditReads } from './http/read-audit.js';
import { RateLimit } from './http/rate-limit.js';
import { protectAnswers } from './http/protect.js';
import { validateReads } from './http/written.js';

/** The API over an open house, ready to listen. */
export async function createApp(house: House): Promise<NestFastifyApplication> {
  const requestTimeout = house.config.ABATHUR_REQUEST_TIMEOUT_MS;
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    // A namespace and a key, every character percent-encoded.
    routerOptions: { maxParamLength: 4096 },
    genReqId: (request: IncomingMessage) => requestId(request.headers),
    // Who comes while the process drains is answered by the draining hook, as a problem.
    return503OnClosing: false,
    // `OPTIONS *`, which asks about no path: one that is not there, like any other.
    rewriteUrl: ({ url = '/' }: IncomingMessage) => (url === '*' ? '/*' : url),
    frameworkErrors: refuseUrl,
    clientErrorHandler: refuseConnection,
    http: {
      // Without a host a request is refused with the others, as a problem.
      requireHostHeader: false,
      requestTimeout,
      headersTimeout: requestTimeout,
      connectionsCheckingInterval: Math.min(1000, requestTimeout),
    },
    requestTimeout,
  });
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.for(house), adapter, {
    logger: ['error', 'warn'],
    bodyParser: false,
  });
  const server = adapter.getInstance();
  server.server.on('checkExpectation', refuseExpectation);
  protectAnswers(server);
  observeRequests(server, house);
  const refuseOthers = refuseMethods(server);
  app.get(Draining).watch(server);
  new Admission(house.writer, house.log).watch(server);
  const gate = app.get(Gate);
  gate.watch(server);
  new RateLimit(house.config.ABATHUR_RATE_LIMIT).watch(server);
  readBodies(server);
  validateReads(server);
  const contract = Contract.of(app);
  server.addHook('preHandler', (request, _, done) => {
    contract.check(request);
    gate.check(request);
    done();
  });
  hideForeign(server, gate.owners);
  if (house.config.ABATHUR_AUDIT_READS === 'on') auditReads(server, house.readAudit);
  SwaggerModule.setup('docs', app, contract.document, {
    customSiteTitle: 'Abathur Memory',
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
  });
  // Who opens the address in a browser wants to see something.
  server.get('/', (_, reply) => reply.redirect('/docs'));
  await app.init();
  refuseOthers();
  return app;
}
