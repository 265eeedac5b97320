import { answers, holds, same, shown, type SmokeCategory } from './case.js';
import { Mismatch } from './mismatch.js';
import { memoryPath } from './world.js';

const HOUR = 3600_000;
/** A backup is made every day; this gives it two hours. */
const OLDEST_BACKUP = 26 * HOUR;
const METRICS = ['abathur_writer_queue', 'abathur_projection_lag', 'process_cpu_seconds_total'];
const PARTS = ['database', 'writer', 'readers', 'projections', 'integrity'];

export const operations: SmokeCategory = {
  name: 'Operations',
  cases: [
    {
      name: 'The process is alive and every part tells how it is',
      async run(world) {
        same('liveness', answers(200, await world.get('/health/live')).body, { status: 'ok' });
        const { body } = shown(await world.get('/health'));
        same(
          'parts that are missing',
          PARTS.filter((part) => body.parts[part] === undefined),
          [],
        );
        const bad = Object.entries<Part>(body.parts).filter(([, { status }]) => status === 'failed');
        same('parts that have failed', bad, []);
        const degraded = Object.entries<Part>(body.parts).filter(([, { status }]) => status === 'degraded');
        const note = degraded.map(([name, { reason }]) => `degraded: ${name}: ${reason}`).join('; ');
        return { note: note === '' ? `version ${body.version}` : note };
      },
    },
    {
      name: 'Metrics are served as Prometheus reads them',
      async run(world) {
        const { text, headers } = shown(await world.get('/metrics'));
        holds(
          'the content type is not that of Prometheus',
          headers.get('content-type')?.startsWith('text/plain') === true,
        );
        same(
          'metrics that are missing',
          METRICS.filter((name) => !text.includes(`\n# TYPE ${name}`) && !text.startsWith(`# TYPE ${name}`)),
          [],
        );
        const wrong = text.split('\n').filter((line) => !/^(#.*|[a-zA-Z_:][\w:]*(\{.*\})? \S+)?$/.test(line));
        same('lines that are no metrics', wrong, []);
      },
    },
    {
      name: 'The API describes itself',
      async run(world) {
        const { body } = answers(200, await world.get('/openapi.json'));
        holds(`it says OpenAPI ${body.openapi}`, String(body.openapi).startsWith('3.1.'));
        const routes = ['/v1/sessions', '/v1/memories/{namespace}/{key}', '/v1/audit/verify', '/v1/admin/database'];
        same(
          'routes that are not described',
          routes.filter((route) => body.paths[route] === undefined),
          [],
        );
        return { note: `${Object.keys(body.paths).length} paths` };
      },
    },
    {
      name: 'Projections keep up with the log',
      async run(world) {
        await world.remember(world.namespace('projected'), 'a', { n: 1 });
        const { position } = answers(200, await world.get('/v1/audit/head')).body;
        await world.until(`every projection at position ${position}`, async () => {
          const { body } = answers(200, await world.get('/v1/admin/projections'));
          const stopped = body.filter(({ status }: Projection) => status === 'stopped' || status === 'parked');
          same('projections that have stopped', stopped, []);
          return body.every((projection: Projection) => projection.position >= position);
        });
      },
    },
    {
      name: 'The search knows every text',
      async run(world) {
        const { body } = answers(200, await world.get('/v1/search/status'));
        same('degraded', body.degraded, false);
        holds('it says nothing of its backlog', Number.isInteger(body.backlog));
        return { note: `${body.vectors} vectors of ${body.model}, ${body.backlog} texts wait` };
      },
    },
    {
      name: 'Backups are scheduled',
      async run(world) {
        const { body } = answers(200, await world.get('/v1/admin/jobs'));
        const backup = body.find(({ name }: { name: string }) => name === 'backup');
        holds('there is no job that takes backups', backup !== undefined);
        same('whether it is switched on', backup.enabled, true);
        return { note: `next at ${backup.next_run_at}` };
      },
    },
    {
      name: 'The newest backup is less than 26 hours old',
      async run(world) {
        const { items } = answers(200, await world.get('/v1/admin/backups')).body;
        const times = items.map((one: { created_at: string }) => Date.parse(one.created_at));
        if (times.length > 0) {
          const hours = (Date.now() - Math.max(...times)) / HOUR;
          holds(`the newest backup is ${Math.round(hours)} hours old`, hours * HOUR < OLDEST_BACKUP);
          return { note: `${items.length} backups, the newest ${hours.toFixed(1)} hours old` };
        }
        const { time } = answers(200, await world.get('/v1/audit/events/1')).body;
        holds(`there is no backup of a log that began at ${time}`, Date.now() - Date.parse(time) < OLDEST_BACKUP);
        return { note: 'none yet: the log is younger than that' };
      },
    },
    {
      name: 'A context is made within its budget',
      async run(world) {
        const session_id = await world.session();
        await world.say(session_id, 'How do I take my coffee?');
        await world.remember(`${world.root}:context`, 'coffee', { text: 'Takes coffee black.' });
        const asked = { session_id, query: 'coffee', token_budget: 500, record: false };
        const { body } = answers(200, await world.post('/v1/context', asked));
        holds(`it has ${body.token_count} tokens`, body.token_count > 0 && body.token_count <= 500);
        same(
          'the user’s memory in it',
          body.memories.user.some((memory: { key: string }) => memory.key === 'coffee'),
          true,
        );
        holds('the prompt does not say it', String(body.prompt).includes('Takes coffee black.'));
        answers(204, await world.delete(memoryPath(`${world.root}:context`, 'coffee')));
      },
    },
    {
      name: 'The live feed tells what is written',
      async run(world) {
        const namespace = world.namespace('feed');
        const { position } = answers(200, await world.get('/v1/audit/head')).body;
        const stop = new AbortController();
        const timer = setTimeout(() => stop.abort(), 20_000);
        try {
          const stream = await world.stream(
            `/v1/audit/feed?after=${position}&namespace_prefix=${namespace}`,
            stop.signal,
          );
          await world.remember(namespace, 'a', { n: 1 });
          await untilTold(stream, namespace);
        } catch (error) {
          if (stop.signal.aborted) throw new Mismatch('nothing was told within 20 s');
          throw error;
        } finally {
          clearTimeout(timer);
          stop.abort();
        }
      },
    },
  ],
};

interface Part {
  status: string;
  reason?: string;
}

interface Projection {
  position: number;
  status: string;
}

async function untilTold(stream: ReadableStream<Uint8Array>, namespace: string): Promise<void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true });
    const told = text.split('\n').find((line) => line.startsWith('data:') && line.endsWith('}'));
    if (told === undefined) continue;
    same('the namespace of what is told', JSON.parse(told.slice('data:'.length)).memory_namespace, namespace);
    return;
  }
  throw new Mismatch('the feed ended');
}
