import { answers, refuses, same, type SmokeCategory } from './case.js';
import { memoryPath } from './world.js';

export const errors: SmokeCategory = {
  name: 'Error Handling',
  cases: [
    {
      name: 'Invalid JSON in session.events rejected',
      async run(world) {
        const id = await world.session();
        refuses(400, await world.ask('POST', `/v1/sessions/${id}/events`, { raw: '{"event_type": "message", ' }));
        refuses(
          400,
          await world.post(`/v1/sessions/${id}/events`, { event_type: 'message', actor: 'user', content: 'text' }),
        );
        same('events', answers(200, await world.get(`/v1/sessions/${id}`)).body.event_count, 0);
      },
    },
    {
      name: 'Duplicate session_id raises error',
      async run(world) {
        const session_id = await world.session();
        refuses(409, await world.post('/v1/sessions', { session_id, app_name: world.app, user_id: world.user }));
        same('version', answers(200, await world.get(`/v1/sessions/${session_id}`)).body.version, 1);
      },
    },
    {
      name: 'Invalid memory_type raises error',
      async run(world) {
        const namespace = world.namespace('wrong');
        const refused = refuses(400, await world.write(namespace, 'a', { n: 1 }, { memory_type: 'magical' }));
        same('the field', refused.body.errors?.[0]?.field, 'memory_type');
        answers(404, await world.get(memoryPath(namespace, 'a')));
      },
    },
    {
      name: 'Foreign key violation (non-existent session_id) handled',
      async run(world) {
        const [session_id, namespace, task_id] = [world.id('nobody'), world.namespace('orphan'), world.id('task')];
        refuses(409, await world.write(namespace, 'a', { n: 1 }, { session_id }));
        answers(404, await world.get(memoryPath(namespace, 'a')));
        refuses(
          409,
          await world.post('/v1/tasks', { task_id, prompt: 'Nothing.', agent_type: world.name, session_id }),
        );
        answers(404, await world.get(`/v1/tasks/${task_id}`));
        refuses(404, await world.say(session_id, 'hello'));
      },
    },
    {
      name: 'Concurrent session update conflict resolved',
      async run(world) {
        const id = await world.session();
        const set = (key: string, version: number) =>
          world.put(`/v1/sessions/${id}/state/${key}`, { value: true }, { 'if-match': `"${version}"` });
        const keys = ['left', 'right'];
        const heard = await Promise.all(keys.map((key) => set(key, 1)));
        same('statuses of two writers', heard.map(({ status }) => status).toSorted(), [200, 412]);
        const loser = heard.findIndex(({ status }) => status === 412);
        same('current version told to the loser', heard[loser]!.body.current_version, 2);
        answers(200, await set(keys[loser]!, 2));
        same('state', answers(200, await world.get(`/v1/sessions/${id}/state`)).body.state, {
          left: true,
          right: true,
        });
      },
    },
  ],
};
