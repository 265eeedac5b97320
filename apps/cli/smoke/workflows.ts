import { answers, holds, same, type SmokeCategory } from './case.js';
import { KNOWN, searchable } from './known.js';
import { memoryPath } from './world.js';

export const workflows: SmokeCategory = {
  name: 'Integration Workflows',
  cases: [
    {
      name: 'Complete session → task → memory workflow',
      async run(world) {
        const session_id = await world.session();
        await world.say(session_id, 'Please find out how I take my coffee.');
        const outcomes = world.namespace('outcomes');
        const [task_id, agent_type] = [world.id('task'), world.id('kind')];
        const task = { task_id, prompt: 'Find out.', agent_type, session_id, outcome_namespace: outcomes };
        answers(201, await world.post('/v1/tasks', task));
        const claim = { agent_type, agent_id: world.id('agent') };
        const claimed = answers(200, await world.post('/v1/tasks/claim', claim)).body;
        same('the claimed task', [claimed.task_id, claimed.status], [task_id, 'running']);
        const [namespace, key] = [world.namespace('learnt'), 'coffee'];
        await world.remember(namespace, key, { taste: 'black' }, { session_id, task_id });
        const done = { status: 'completed', result_data: { found: `${namespace}/${key}` } };
        same('status', answers(200, await world.put(`/v1/tasks/${task_id}/status`, done)).body.status, 'completed');
        const { body: kept } = answers(200, await world.get(memoryPath(namespace, key)));
        same('where the memory was learnt', [kept.session_id, kept.task_id], [session_id, task_id]);
        await world.until('the outcome of the task among the memories', async () => {
          const found = await world.get(memoryPath(outcomes, task_id));
          return found.status === 200;
        });
        const { body: log } = answers(200, await world.get(`/v1/audit/events?task_id=${task_id}`));
        holds(
          'the log knows nothing of the memory of the task',
          log.items.some(({ type }: Typed) => type === 'MemoryWritten'),
        );
      },
    },
    {
      name: 'Memory versioning (create, update, retrieve history)',
      async run(world) {
        const [namespace, key] = [world.namespace('versions'), 'taste'];
        for (const coffee of ['black', 'white', 'decaf']) await world.remember(namespace, key, { coffee });
        const { body } = answers(200, await world.get(`${memoryPath(namespace, key)}/history`));
        const versions = body.items.map(({ version, value }: Versioned) => [version, value.coffee]);
        same('history', versions, [
          [3, 'decaf'],
          [2, 'white'],
          [1, 'black'],
        ]);
        const { body: diff } = answers(200, await world.get(`${memoryPath(namespace, key)}/diff?from=1&to=3`));
        same('difference', diff, [{ op: 'replace', path: '/value/coffee', value: 'decaf' }]);
      },
    },
    {
      name: 'Namespace hierarchy access (user:alice:* queries)',
      async run(world) {
        const alice = `${world.namespace('people')}:alice`;
        const places = [alice, `${alice}:preferences`, `${alice}:preferences:food`, `${alice}_x`, `${alice}x`];
        for (const namespace of [...places, alice.replace(/alice$/, 'bob')])
          await world.remember(namespace, 'a', { at: namespace });
        const { body } = answers(200, await world.get(`/v1/memories?namespace_prefix=${alice}`));
        same('namespaces', body.items.map(({ namespace }: Named) => namespace).toSorted(), places.slice(0, 3));
        const { body: tree } = answers(200, await world.get(`/v1/namespaces?prefix=${alice}`));
        same(
          'namespaces that are there',
          tree.items.map(({ namespace }: Named) => namespace).toSorted(),
          places.slice(0, 3),
        );
      },
    },
    {
      name: 'Semantic search returns relevant results',
      async run(world) {
        const namespace = world.namespace('relevant');
        await searchable(world, namespace);
        const hits = [];
        for (const { question } of KNOWN) {
          const asked = { query: question, mode: 'semantic', namespace_prefix: namespace, limit: 1 };
          const { body } = answers(200, await world.post('/v1/memories/search', asked));
          hits.push(body.results[0]?.key);
        }
        same(
          'first results',
          hits,
          KNOWN.map(({ key }) => key),
        );
        return { note: `${hits.length} of ${KNOWN.length} in first place` };
      },
    },
    {
      name: 'Document sync detects file changes',
      async run(world) {
        const file_path = `${world.name}/${world.id('changes')}.md`;
        const write = (text: string) => world.put('/v1/documents', { file_path, content: `# Notes\n\n${text}\n` });
        const find = async (query: string): Promise<string[]> => {
          const asked = { query, mode: 'keyword', path_prefix: `${world.name}/` };
          const { body } = answers(200, await world.post('/v1/documents/search', asked));
          return body.results.map((hit: { file_path: string }) => hit.file_path);
        };
        const first = answers(201, await write('The zeppelin hangar is closed.')).body;
        same('found by its words', await find('zeppelin'), [file_path]);
        const same_again = answers(200, await write('The zeppelin hangar is closed.')).body;
        same('version of the unchanged file', same_again.version, 1);
        const second = answers(200, await write('The observatory is open.')).body;
        same('version of the changed file', second.version, 2);
        holds('the content hash has not changed', first.content_hash !== second.content_hash);
        await world.until('the changed file synced', async () => {
          const { body } = answers(200, await world.get(`/v1/documents/${first.id}`));
          return body.sync_status === 'synced' && body.content_hash === second.content_hash;
        });
        same(
          'found by the new words, and by the old',
          [await find('observatory'), await find('zeppelin')],
          [[file_path], []],
        );
        answers(204, await world.delete(`/v1/documents/${first.id}`));
        same('found when it is gone', await find('observatory'), []);
      },
    },
    {
      name: 'Memory consolidation resolves conflicts',
      async run(world) {
        const home = world.namespace('conflict');
        await world.remember(`${home}:phone`, 'language', { language: 'en' });
        await world.remember(`${home}:desk`, 'language', { language: 'de' });
        const consolidate = async (dry_run: boolean) => {
          const asked = { namespace_prefix: home, strategy: 'last_write_wins', dry_run };
          const { body } = answers(202, await world.post('/v1/memories/consolidate', asked));
          const operation = await world.operation(body.id);
          same('status of the consolidation', operation?.status, 'succeeded');
          return operation!.result;
        };
        same('conflicts found', (await consolidate(true)).found, 1);
        const settled = await consolidate(false);
        same('conflicts settled', settled.consolidated, 1);
        const { body: winner } = answers(200, await world.get(memoryPath(`${home}:desk`, 'language')));
        same('the newest content', winner.value, { language: 'de' });
        same('what it was made of', winner.consolidated_from?.length, 2);
        const { body: loser } = answers(200, await world.get(memoryPath(`${home}:phone`, 'language')));
        same('where the other went', loser.consolidated_into, winner.id);
        const { body } = answers(200, await world.get(`/v1/memories/conflicts/${settled.groups[0].conflict_id}`));
        same('status of the conflict', body.status, 'resolved');
      },
    },
    {
      name: 'Audit trail captures all operations',
      async run(world) {
        const correlation = world.id('trail');
        const headers = { 'x-correlation-id': correlation };
        const [session_id, namespace] = [world.id('session'), world.namespace('trail')];
        const event = { event_type: 'message', actor: 'user', content: { text: 'hello' } };
        const written = [
          await world.post('/v1/sessions', { session_id, app_name: world.app, user_id: world.user }, headers),
          await world.post(`/v1/sessions/${session_id}/events`, event, headers),
          await world.put(memoryPath(namespace, 'a'), { value: { n: 1 } }, headers),
          await world.put(memoryPath(namespace, 'a'), { value: { n: 2 } }, headers),
          await world.ask('DELETE', memoryPath(namespace, 'a'), { headers }),
        ];
        const { body } = answers(200, await world.get(`/v1/audit/events?correlation_id=${correlation}`));
        same(
          'types',
          body.items.map(({ type }: Typed) => type),
          ['SessionCreated', 'SessionEventAppended', 'MemoryWritten', 'MemoryWritten', 'MemoryDeleted'],
        );
        const positions = body.items.map(({ position }: { position: number }) => position);
        same(
          'positions',
          positions,
          written.map(({ headers: sent }) => Number(sent.get('x-position'))),
        );
      },
    },
  ],
};

interface Typed {
  type: string;
}

interface Named {
  namespace: string;
}

interface Versioned {
  version: number;
  value: { coffee: string };
}
