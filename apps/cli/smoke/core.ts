import { answers, holds, same, type SmokeCategory } from './case.js';
import { memoryPath } from './world.js';

export const core: SmokeCategory = {
  name: 'Core Operations',
  cases: [
    {
      name: 'Create session successfully',
      async run(world) {
        const session_id = world.id('session');
        const asked = { session_id, app_name: world.app, user_id: world.user, initial_state: { topic: 'smoke' } };
        const created = answers(201, await world.post('/v1/sessions', asked));
        same('ETag', created.headers.get('etag'), '"1"');
        holds('X-Position is no position', Number(created.headers.get('x-position')) > 0);
        const { body } = answers(200, await world.get(`/v1/sessions/${session_id}`));
        const { app_name, user_id, status, state, event_count, version } = body;
        same(
          'the session',
          { app_name, user_id, status, state, event_count, version },
          {
            app_name: world.app,
            user_id: world.user,
            status: 'created',
            state: { topic: 'smoke' },
            event_count: 0,
            version: 1,
          },
        );
      },
    },
    {
      name: 'Append event to session',
      async run(world) {
        const id = await world.session();
        const appended = answers(201, await world.say(id, 'hello', { state_delta: { mood: 'good' } }));
        same('version', appended.body.version, 2);
        same('X-Position', Number(appended.headers.get('x-position')), appended.body.position);
        const { body } = answers(200, await world.get(`/v1/sessions/${id}`));
        same(
          'events',
          body.events.map(({ content, position }: Event) => [content.text, position]),
          [['hello', appended.body.position]],
        );
        same('state', body.state, { mood: 'good' });
        same('status', body.status, 'active');
      },
    },
    {
      name: 'Update session state',
      async run(world) {
        const id = await world.session();
        await world.say(id, 'hello', { state_delta: { mood: 'good', place: 'here' } });
        const set = answers(200, await world.put(`/v1/sessions/${id}/state/mood`, { value: 'better' }));
        same('version', set.body.version, 3);
        const { body } = answers(200, await world.get(`/v1/sessions/${id}/state`));
        same('state', body.state, { mood: 'better', place: 'here' });
        same('entry', answers(200, await world.get(`/v1/sessions/${id}/state/mood`)).body.value, 'better');
      },
    },
    {
      name: 'Terminate session',
      async run(world) {
        const id = await world.session(world.quietUser);
        await world.say(id, 'goodbye');
        const { body } = answers(200, await world.put(`/v1/sessions/${id}/status`, { status: 'terminated' }));
        same('status', body.status, 'terminated');
        holds('terminated_at is missing', typeof body.terminated_at === 'string');
        answers(409, await world.say(id, 'one more'));
        const { body: after } = answers(200, await world.get(`/v1/sessions/${id}`));
        same('the session afterwards', [after.status, after.event_count], ['terminated', 1]);
      },
    },
    {
      name: 'Create memory entry (semantic)',
      async run(world) {
        const at = { namespace: world.namespace('new'), key: 'taste' };
        const asked = { ...at, value: { coffee: 'black' }, memory_type: 'semantic' };
        const { body } = answers(201, await world.post('/v1/memories', asked));
        const { namespace, key, value, memory_type, version } = body;
        same('the memory', { namespace, key, value, memory_type, version }, { ...asked, version: 1 });
        answers(409, await world.post('/v1/memories', asked));
      },
    },
    {
      name: 'Update memory entry (version 2)',
      async run(world) {
        const [namespace, key] = [world.namespace('update'), 'taste'];
        await world.remember(namespace, key, { coffee: 'black' });
        const updated = answers(200, await world.write(namespace, key, { coffee: 'white' }));
        same('version', updated.body.version, 2);
        same('ETag', updated.headers.get('etag'), '"2"');
        const first = answers(200, await world.get(`${memoryPath(namespace, key)}?version=1`));
        same('version 1', first.body.value, { coffee: 'black' });
      },
    },
    {
      name: 'Retrieve memory (current version)',
      async run(world) {
        const [namespace, key] = [world.namespace('current'), 'taste'];
        await world.remember(namespace, key, { coffee: 'black' });
        await world.remember(namespace, key, { coffee: 'white' });
        const found = answers(200, await world.get(memoryPath(namespace, key)));
        same('value', found.body.value, { coffee: 'white' });
        same('version', found.body.version, 2);
        const tag = found.headers.get('etag');
        answers(304, await world.get(memoryPath(namespace, key), { headers: { 'if-none-match': tag ?? '' } }));
      },
    },
    {
      name: 'Search memories by namespace',
      async run(world) {
        const namespace = world.namespace('list');
        await world.remember(namespace, 'a', { n: 1 });
        await world.remember(`${namespace}:below`, 'b', { n: 2 });
        await world.remember(`${namespace}x`, 'c', { n: 3 });
        const { body } = answers(200, await world.get(`/v1/memories?namespace_prefix=${namespace}`));
        same('keys', body.items.map(({ key }: { key: string }) => key).toSorted(), ['a', 'b']);
      },
    },
    {
      name: 'Query audit log for memory operations',
      async run(world) {
        const [namespace, key] = [world.namespace('audit'), 'taste'];
        await world.remember(namespace, key, { coffee: 'black' }, { updated_by: 'agent:smoke' });
        const second = await world.remember(namespace, key, { coffee: 'white' }, { updated_by: 'agent:smoke' });
        const of = async (operation: string) => {
          const query = `namespace_prefix=${namespace}&memory_operation=${operation}`;
          return answers(200, await world.get(`/v1/audit/events?${query}`)).body.items as Entry[];
        };
        const [created, updated] = [await of('create'), await of('update')];
        same(
          'operations',
          [...created, ...updated].map((entry) => entry.memory_operation),
          ['create', 'update'],
        );
        same('position of the update', updated[0]!.position, Number(second.headers.get('x-position')));
        // Where keys are asked for, the key is told behind the name.
        const actors = [...created, ...updated].map(({ actor }) => actor.split('@')[0]);
        same('actors', actors, ['agent:smoke', 'agent:smoke']);
        same('correlation id', updated[0]!.correlation_id, second.headers.get('x-request-id'));
      },
    },
    {
      name: 'Create task with session linkage',
      async run(world) {
        const session_id = await world.session();
        const task = { task_id: world.id('task'), prompt: 'Look around.', agent_type: world.name, session_id };
        const { body } = answers(201, await world.post('/v1/tasks', task));
        same('session of the task', body.session_id, session_id);
        same('status', body.status, 'pending');
        const { body: page } = answers(200, await world.get(`/v1/tasks?session_id=${session_id}`));
        same(
          'tasks of the session',
          page.items.map((one: { task_id: string }) => one.task_id),
          [task.task_id],
        );
      },
    },
  ],
};

interface Event {
  content: { text: string };
  position: number;
}

interface Entry {
  position: number;
  actor: string;
  memory_operation: string;
  correlation_id: string;
}
