import { answers, holds, refuses, same, type SmokeCategory } from './case.js';
import { memoryPath } from './world.js';

/** More than the MiB that a body may have. */
const TOO_LARGE = 1_300_000;
const TOO_DEEP = 100;

export const safety: SmokeCategory = {
  name: 'Safety',
  cases: [
    {
      name: 'A repeated event_id changes nothing',
      async run(world) {
        const id = await world.session();
        const first = answers(201, await world.say(id, 'hello', { event_id: 'e1' }));
        const again = answers(200, await world.say(id, 'hello', { event_id: 'e1' }));
        same('the second answer', again.body, first.body);
        same('events', answers(200, await world.get(`/v1/sessions/${id}`)).body.event_count, 1);
      },
    },
    {
      name: 'The same Idempotency-Key is answered as the first time',
      async run(world) {
        const headers = { 'idempotency-key': world.id('once') };
        const memory = { namespace: world.namespace('once'), key: 'a', value: { n: 1 } };
        const first = answers(201, await world.post('/v1/memories', memory, headers));
        const again = answers(201, await world.post('/v1/memories', memory, headers));
        same(
          'the second answer',
          [again.body, again.headers.get('x-position')],
          [first.body, first.headers.get('x-position')],
        );
        refuses(422, await world.post('/v1/memories', { ...memory, value: { n: 2 } }, headers));
      },
    },
    {
      name: 'A write on a stale version is refused',
      async run(world) {
        const [namespace, key] = [world.namespace('stale'), 'a'];
        await world.remember(namespace, key, { n: 1 });
        await world.remember(namespace, key, { n: 2 });
        const stale = refuses(
          412,
          await world.put(memoryPath(namespace, key), { value: { n: 3 } }, { 'if-match': '"1"' }),
        );
        same('current version', stale.body.current_version, 2);
        same('value', answers(200, await world.get(memoryPath(namespace, key))).body.value, { n: 2 });
      },
    },
    {
      name: 'An unchanged write makes no version',
      async run(world) {
        const [namespace, key] = [world.namespace('same'), 'a'];
        await world.remember(namespace, key, { n: 1 });
        same('version', answers(200, await world.write(namespace, key, { n: 1 })).body.version, 1);
      },
    },
    {
      name: 'A batch is written as a whole or not at all',
      async run(world) {
        const namespace = world.namespace('batch');
        await world.remember(namespace, 'there', { n: 1 });
        const operations = [
          { op: 'put', namespace, key: 'new', value: { n: 1 } },
          { op: 'add', namespace, key: 'there', value: { n: 2 } },
        ];
        refuses(409, await world.post('/v1/memories/batch', { operations }));
        answers(404, await world.get(memoryPath(namespace, 'new')));
        answers(200, await world.post('/v1/memories/batch', { operations: operations.slice(0, 1) }));
        answers(200, await world.get(memoryPath(namespace, 'new')));
      },
    },
    {
      name: 'A filter is never dropped',
      async run(world) {
        const namespace = world.namespace('filter');
        await world.remember(namespace, 'a', { colour: 'red' }, { metadata: { source: 'mail' } });
        await world.remember(namespace, 'b', { colour: 'blue' }, { metadata: { source: 'mail' } });
        await world.remember(namespace, 'c', { colour: 'red' }, { metadata: { source: 'chat' } });
        const list = async (filter: object): Promise<string[]> => {
          const query = `namespace_prefix=${namespace}&filter=${encodeURIComponent(JSON.stringify(filter))}`;
          const { body } = answers(200, await world.get(`/v1/memories?${query}`));
          return body.items.map(({ key }: { key: string }) => key).toSorted();
        };
        same('both conditions', await list({ 'metadata.source': 'mail', 'value.colour': 'red' }), ['a']);
        same('a condition that nothing meets', await list({ 'value.colour': 'green' }), []);
        refuses(400, await world.get(`/v1/memories?filter=${encodeURIComponent('{"value.colour":{"like":"r"}}')}`));
      },
    },
    {
      name: 'A search finds nothing of other namespaces',
      async run(world) {
        const [mine, other] = [world.namespace('mine'), world.namespace('other')];
        await world.remember(mine, 'a', { text: 'the quokka sleeps' });
        await world.remember(other, 'b', { text: 'the quokka wakes' });
        for (const mode of ['keyword', 'hybrid']) {
          const { body } = answers(
            200,
            await world.post('/v1/memories/search', { query: 'quokka', mode, namespace_prefix: mine }),
          );
          same(
            `found by ${mode}`,
            body.results.map(({ key }: { key: string }) => key),
            ['a'],
          );
        }
      },
    },
    {
      name: 'Unknown fields and parameters are refused',
      async run(world) {
        const namespace = world.namespace('unknown');
        refuses(400, await world.write(namespace, 'a', { n: 1 }, { colour: 'red' }));
        refuses(400, await world.write(namespace, 'a', { n: 1 }, { version: 7 }));
        refuses(400, await world.get('/v1/memories?colour=red'));
        refuses(400, await world.get('/v1/memories?limit=0'));
        refuses(400, await world.get('/v1/memories?cursor=made-up'));
        answers(404, await world.get(memoryPath(namespace, 'a')));
      },
    },
    {
      name: 'What is too large or too deep is refused',
      async run(world) {
        const namespace = world.namespace('large');
        refuses(413, await world.write(namespace, 'a', { text: 'x'.repeat(TOO_LARGE) }));
        const deep = `{"value":${'{"a":'.repeat(TOO_DEEP)}1${'}'.repeat(TOO_DEEP)}}`;
        refuses(400, await world.ask('PUT', memoryPath(namespace, 'a'), { raw: deep }));
        answers(404, await world.get(memoryPath(namespace, 'a')));
      },
    },
    {
      name: 'A refusal says what is wrong and which request it was',
      async run(world) {
        const refused = refuses(404, await world.get(memoryPath(world.namespace('nothing'), 'here')));
        const { type, title, detail, code, request_id } = refused.body;
        same('type', type, `/problems/${code}`);
        holds(
          'title or detail is missing',
          [title, detail].every((text) => typeof text === 'string' && text !== ''),
        );
        same('request id', request_id, refused.headers.get('x-request-id'));
      },
    },
  ],
};
