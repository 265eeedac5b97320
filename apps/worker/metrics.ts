import { once } from 'node:events';
import { createServer } from 'node:http';
import type { House } from '#assembly';
import { DomainError } from '#kernel';

/**
 * The worker's own door, to this machine alone: `/metrics` for Prometheus, `/health/live` for whoever looks after processes.
 * Returns how it is closed.
 */
export async function serveMetrics({ metrics, log }: House, port: number): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (request.method !== 'GET' || !['/metrics', '/health/live'].includes(pathname)) {
      response.writeHead(404).end();
      return;
    }
    if (pathname === '/health/live') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
      return;
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      (error: unknown) => {
        log.error('metrics-failed', error);
        response.writeHead(500).end();
      },
    );
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening').catch((error: unknown) => {
    const { code } = error as { code?: string };
    throw new DomainError('unavailable', 'port-taken', `127.0.0.1:${port} cannot be listened at (${code}).`, {
      hint: 'Set ABATHUR_WORKER_PORT to another port, or to 0 for no metrics of the workers.',
    });
  });
  return async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
}
