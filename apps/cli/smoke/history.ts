import { answers, holds, refuses, same, type SmokeCategory } from './case.js';
import { memoryPath, type Heard } from './world.js';

/** The newest so many entries of the log are verified: all of them would take long on a large one. */
const VERIFIED = 1000;

export const history: SmokeCategory = {
  name: 'History',
  cases: [
    {
      name: 'The past is read as it was',
      async run(world) {
        const [namespace, key] = [world.namespace('past'), 'a'];
        const first = position(await world.remember(namespace, key, { n: 1 }));
        await world.remember(namespace, key, { n: 2 });
        const then = answers(200, await world.get(`${memoryPath(namespace, key)}?as_of=${first}`));
        same('the memory then', [then.body.version, then.body.value], [1, { n: 1 }]);
        answers(404, await world.get(`${memoryPath(namespace, key)}?as_of=${first - 1}`));
        refuses(400, await world.get(`${memoryPath(namespace, key)}?as_of=900000000000000`));
      },
    },
    {
      name: 'A session is read as it was',
      async run(world) {
        const id = await world.session();
        const first = position(answers(201, await world.say(id, 'one', { state_delta: { n: 1 } })));
        answers(201, await world.say(id, 'two', { state_delta: { n: 2 } }));
        const { body } = answers(200, await world.get(`/v1/sessions/${id}?as_of=${first}`));
        same('the session then', [body.state, body.events.length], [{ n: 1 }, 1]);
      },
    },
    {
      name: 'What was deleted can be restored',
      async run(world) {
        const [namespace, key] = [world.namespace('restore'), 'a'];
        await world.remember(namespace, key, { n: 1 });
        answers(204, await world.delete(memoryPath(namespace, key)));
        answers(404, await world.get(memoryPath(namespace, key)));
        answers(200, await world.post(`${memoryPath(namespace, key)}/restore`));
        same('value', answers(200, await world.get(memoryPath(namespace, key))).body.value, { n: 1 });
      },
    },
    {
      name: 'What became different is told',
      async run(world) {
        const [namespace, key] = [world.namespace('diff'), 'a'];
        const from = position(await world.remember(namespace, key, { n: 1 }));
        const to = position(await world.remember(namespace, key, { n: 2 }));
        const { body } = answers(200, await world.get(`/v1/diff?from=${from}&to=${to}&namespace_prefix=${namespace}`));
        same(
          'changes',
          body.items.map((item: Change) => [item.key, item.change, item.to_version]),
          [['a', 'changed', 2]],
        );
      },
    },
    {
      name: 'An operation is taken back as a whole',
      async run(world) {
        const [namespace, operation] = [world.namespace('revert'), world.id('operation')];
        await world.remember(namespace, 'a', { n: 1 });
        const headers = { 'x-correlation-id': operation };
        answers(200, await world.put(memoryPath(namespace, 'a'), { value: { n: 2 } }, headers));
        answers(201, await world.put(memoryPath(namespace, 'b'), { value: { n: 3 } }, headers));
        const reverted = answers(200, await world.post(`/v1/operations/${operation}/revert`));
        same('entries taken back', reverted.body.taken_back.length, 2);
        same('value', answers(200, await world.get(memoryPath(namespace, 'a'))).body.value, { n: 1 });
        answers(404, await world.get(memoryPath(namespace, 'b')));
      },
    },
    {
      name: 'Where a memory comes from is told',
      async run(world) {
        const session_id = await world.session();
        const namespace = world.namespace('why');
        await world.remember(namespace, 'a', { n: 1 }, { session_id });
        const { body } = answers(200, await world.get(`${memoryPath(namespace, 'a')}/why`));
        same(
          'its session',
          body.came_from.map((link: { session_id?: string }) => link.session_id),
          [session_id],
        );
      },
    },
    {
      name: 'The chain of the newest entries is unbroken',
      async run(world) {
        await world.remember(world.namespace('chain'), 'a', { n: 1 });
        const { body: head } = answers(200, await world.get('/v1/audit/head'));
        const [from, to] = [Math.max(1, head.position - VERIFIED + 1), head.position];
        const { body } = answers(200, await world.post('/v1/audit/verify', { from, to }));
        same('the verification', [body.ok, body.checked], [true, to - from + 1]);
        return { note: `${body.checked} entries` };
      },
    },
    {
      name: 'An entry is proved to be in the log',
      async run(world) {
        const at = position(await world.remember(world.namespace('proof'), 'a', { n: 1 }));
        const { text: note } = answers(200, await world.get('/v1/audit/checkpoint'));
        const [origin, size] = note.split('\n');
        holds(`the signed head holds ${size} entries, not ${at}`, origin !== '' && Number(size) >= at);
        const { text: proof } = answers(200, await world.get(`/v1/audit/events/${at}/proof`));
        holds('the proof names another entry', proof.includes(`index ${at - 1}\n`));
      },
    },
    {
      name: 'Pages have no gap and nothing twice',
      async run(world) {
        const namespace = world.namespace('pages');
        const operations = Array.from({ length: 25 }, (_, n) => ({ op: 'put', namespace, key: `k${n}`, value: { n } }));
        answers(200, await world.post('/v1/memories/batch', { operations }));
        const keys: string[] = [];
        let cursor = '';
        for (let page = 0; page < 5; page++) {
          const { body } = answers(
            200,
            await world.get(`/v1/memories?namespace_prefix=${namespace}&limit=10${cursor}`),
          );
          keys.push(...body.items.map(({ key }: { key: string }) => key));
          if (body.next_cursor === null) break;
          cursor = `&cursor=${encodeURIComponent(body.next_cursor)}`;
        }
        same('keys', keys.toSorted(), operations.map(({ key }) => key).toSorted());
      },
    },
  ],
};

interface Change {
  key: string;
  change: string;
  to_version: number;
}

const position = (heard: Heard): number => Number(heard.headers.get('x-position'));
