import type { FastifyInstance } from 'fastify';

/** Nothing that is answered is a page to run: no scripts, no frames, no guessing what it is. */
const ALWAYS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};
const API = {
  ...ALWAYS,
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};
/** The page for people loads its scripts and pictures from here, and nothing from elsewhere. */
const PAGE = {
  ...ALWAYS,
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; form-action 'none'",
};

/** Headers for browsers that come by. No other origin is let in: there is no CORS. */
export function protectAnswers(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    reply.headers(/^\/docs(?:[/?]|$)/.test(request.url) ? PAGE : API);
    done();
  });
}
