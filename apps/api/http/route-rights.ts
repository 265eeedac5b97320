import type { Right } from '#access';
import {
  appendEvents,
  batch,
  changeAgent,
  changeTask,
  contextsOfSession,
  fork,
  one,
  openSession,
  publish,
  readConflict,
  readMemory,
  recordedContext,
  refine,
  registerAgent,
  resolveConflict,
  setState,
  submitTask,
  synthesize,
  writeMemory,
  writtenMemory,
  type Demands,
} from './demands.js';

export interface RouteRight {
  /**
   * `anybody`: no key is asked for. `clients`: every role, as far as the demands go. Otherwise whoever the table of rights lets
   * read or write things of this kind.
   */
  of: 'anybody' | 'clients' | 'documents' | 'audit' | 'admin';
  right: Right;
  demands?: Demands;
}

const anybody: RouteRight = { of: 'anybody', right: 'read' };
const reads = (of: RouteRight['of'], demands?: Demands): RouteRight => ({ of, right: 'read', demands });
const writes = (of: RouteRight['of'], demands?: Demands): RouteRight => ({ of, right: 'write', demands });
/** What is listed and found is filtered where it is read, see `Caller.visible`. */
const filtered = reads('clients');

/**
 * Who may ask for what, by method and path: all routes stand here, and one that does not is refused. The rights themselves
 * are in the table of `#access`; here stands what of them a request needs.
 */
export const ROUTES: Record<string, RouteRight> = {
  'GET /': anybody,
  'GET /health': anybody,
  'GET /health/live': anybody,
  'GET /health/ready': anybody,
  'GET /metrics': anybody,
  'GET /openapi.json': anybody,
  'GET /openapi.yaml': anybody,
  'GET /docs': anybody,
  'GET /docs/*': anybody,

  'POST /v1/sessions': writes('clients', openSession),
  'GET /v1/sessions': filtered,
  'GET /v1/sessions/:id': reads('clients', one('session', 'read')),
  'DELETE /v1/sessions/:id': writes('clients', one('session', 'write')),
  'POST /v1/sessions/:id/events': writes('clients', appendEvents),
  'GET /v1/sessions/:id/events': reads('clients', one('session', 'read')),
  'POST /v1/sessions/:id/events/batch': writes('clients', appendEvents),
  'PUT /v1/sessions/:id/status': writes('clients', one('session', 'write')),
  'GET /v1/sessions/:id/state': reads('clients', one('session', 'read')),
  'GET /v1/sessions/:id/state/:key': reads('clients', one('session', 'read')),
  'PUT /v1/sessions/:id/state/:key': writes('clients', setState),
  'POST /v1/sessions/:id/fork': writes('clients', fork),

  'POST /v1/memories': writes('clients', ({ body }, owners) => writtenMemory(body, owners)),
  'GET /v1/memories': filtered,
  'POST /v1/memories/batch': reads('clients', batch),
  'POST /v1/memories/search': filtered,
  'POST /v1/memories/publish': writes('clients', publish),
  // Each line is judged when it is read.
  'POST /v1/memories/import': writes('clients'),
  'GET /v1/memories/export': filtered,
  'PUT /v1/memories/:namespace/:key': writes('clients', writeMemory),
  'GET /v1/memories/:namespace/:key': reads('clients', readMemory),
  'DELETE /v1/memories/:namespace/:key': writes('clients', writeMemory),
  'GET /v1/memories/:namespace/:key/history': reads('clients', readMemory),
  'GET /v1/memories/:namespace/:key/diff': reads('clients', readMemory),
  'POST /v1/memories/:namespace/:key/restore': writes('clients', writeMemory),
  'POST /v1/memories/:namespace/:key/archive': writes('clients', writeMemory),
  'POST /v1/memories/:namespace/:key/refine': writes('clients', refine),
  'GET /v1/namespaces': filtered,
  // Counted are tasks that the caller sees.
  'GET /v1/memories/:namespace/:key/outcomes': reads('clients', readMemory),
  'POST /v1/memories/:namespace/:key/rollback': writes('clients', writeMemory),
  'GET /v1/memories/:namespace/:key/why': reads('clients', readMemory),
  'GET /v1/memories/conflicts': filtered,
  'GET /v1/memories/conflicts/:id': reads('clients', readConflict),
  'POST /v1/memories/conflicts/:id/resolve': writes('clients', resolveConflict),
  // What memories of several people have to do with each other, is nobody's alone.
  'POST /v1/memories/consolidate': writes('admin'),
  'POST /v1/memories/summarise': writes('admin'),
  'POST /v1/memories/archive': writes('admin'),
  'POST /v1/memories/expire': writes('admin'),

  'POST /v1/context': writes('clients', synthesize),
  'GET /v1/context': reads('clients', contextsOfSession),
  'GET /v1/context/:id': reads('clients', recordedContext),

  'PUT /v1/documents': writes('documents'),
  'GET /v1/documents': reads('documents'),
  'POST /v1/documents/sync': writes('documents'),
  'POST /v1/documents/search': reads('documents'),
  'GET /v1/documents/:id': reads('documents'),
  'DELETE /v1/documents/:id': writes('documents'),
  // Whoever was given the id of a search has searched; how much there is of everybody's is not for clients.
  'POST /v1/search/:search_id/feedback': writes('clients'),
  'GET /v1/search/status': reads('admin'),
  'POST /v1/search/retry': writes('admin'),

  'POST /v1/tasks': writes('clients', submitTask),
  'GET /v1/tasks': filtered,
  'POST /v1/tasks/claim': writes('clients'),
  'GET /v1/tasks/:id': reads('clients', one('task', 'read')),
  'PUT /v1/tasks/:id/status': writes('clients', changeTask),
  'GET /v1/tasks/:id/state': reads('clients', one('task', 'read')),
  'GET /v1/tasks/:id/state/:key': reads('clients', one('task', 'read')),
  'PUT /v1/tasks/:id/state/:key': writes('clients', one('task', 'write')),
  'GET /v1/tasks/:id/checkpoints': reads('clients', one('task', 'read')),
  'GET /v1/tasks/:id/checkpoints/:iteration': reads('clients', one('task', 'read')),
  'PUT /v1/tasks/:id/checkpoints/:iteration': writes('clients', one('task', 'write')),
  'POST /v1/agents': writes('clients', registerAgent),
  'GET /v1/agents': filtered,
  'GET /v1/agents/:id': reads('clients', one('agent', 'read')),
  'PUT /v1/agents/:id/state': writes('clients', changeAgent),

  'GET /v1/audit/events': reads('audit'),
  'GET /v1/audit/export': reads('audit'),
  'GET /v1/audit/events/:position': reads('audit'),
  'GET /v1/audit/head': reads('audit'),
  'GET /v1/audit/checkpoint': reads('audit'),
  'GET /v1/audit/keys': reads('audit'),
  'GET /v1/audit/events/:position/proof': reads('audit'),
  'GET /v1/audit/consistency': reads('audit'),
  'POST /v1/audit/verify': reads('audit'),
  'GET /v1/audit/feed': reads('audit'),
  'GET /v1/diff': reads('audit'),

  'GET /v1/operations': reads('admin'),
  'GET /v1/operations/:id': reads('admin'),
  'POST /v1/operations/:correlation_id/revert': writes('admin'),
  'GET /v1/admin/projections': reads('admin'),
  'POST /v1/admin/projections/:name/rebuild': writes('admin'),
  'GET /v1/admin/projections/:name/parked': reads('admin'),
  'POST /v1/admin/projections/:name/retry': writes('admin'),
  'GET /v1/admin/jobs': reads('admin'),
  'PUT /v1/admin/jobs/:name': writes('admin'),
  'POST /v1/admin/jobs/:name/run': writes('admin'),
  'POST /v1/admin/integrity': writes('admin'),
  'GET /v1/admin/integrity': reads('admin'),
  'POST /v1/admin/backups': writes('admin'),
  'GET /v1/admin/backups': reads('admin'),
  'POST /v1/admin/erasures': writes('admin'),
  'GET /v1/admin/erasures': reads('admin'),
  'GET /v1/admin/erasures/:id': reads('admin'),
  'GET /v1/admin/erasures/:id/certificate': reads('admin'),
  'GET /v1/admin/database': reads('admin'),
  'POST /v1/admin/quarantines': writes('admin'),
  'GET /v1/admin/quarantines': reads('admin'),
  'GET /v1/admin/quarantines/:id': reads('admin'),
  'DELETE /v1/admin/quarantines/:id': writes('admin'),
  'GET /v1/admin/quarantines/:id/contexts': reads('admin'),
  'POST /v1/admin/keys': writes('admin'),
  'GET /v1/admin/keys': reads('admin'),
  'GET /v1/admin/keys/:id': reads('admin'),
  'DELETE /v1/admin/keys/:id': writes('admin'),
  'POST /v1/admin/keys/:id/rotate': writes('admin'),
};
