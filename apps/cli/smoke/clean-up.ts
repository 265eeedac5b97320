import { answers } from './case.js';
import { memoryPath, type Heard, type World } from './world.js';

/** What a run leaves, and what of it should not be there. */
export interface Leftovers {
  /** Things that could not be taken away. */
  things: string[];
  /** Tasks that have ended: they cannot be deleted. */
  ended_tasks: number;
  /** Answered writes, whose entries the log keeps. */
  writes: number;
}

/**
 * Takes away what the run made. Lists are only believed where an item has the run's name: whatever the deployment
 * answers, nothing is deleted that belongs to somebody else.
 */
export async function cleanUp(world: World): Promise<Leftovers> {
  for (const id of world.tasks) {
    const { body, status } = await world.get(`/v1/tasks/${id}`);
    if (status === 200 && (body.status === 'pending' || body.status === 'running'))
      await world.put(`/v1/tasks/${id}/status`, { status: 'cancelled' });
  }
  for (const id of world.sessions) await world.delete(`/v1/sessions/${id}`);
  for (const { namespace, key } of await memories(world)) await world.delete(memoryPath(namespace, key));
  for (const { id } of await documents(world)) await world.delete(`/v1/documents/${id}`);
  return { things: await left(world), ended_tasks: world.tasks.size, writes: world.writes };
}

async function left(world: World): Promise<string[]> {
  const things = [
    ...(await memories(world)).map(({ namespace, key }) => `memory ${namespace}/${key}`),
    ...(await documents(world)).map(({ file_path }) => `document ${file_path}`),
  ];
  for (const id of world.sessions)
    if ((await world.get(`/v1/sessions/${id}?num_recent_events=0`)).status !== 404) things.push(`session ${id}`);
  return things;
}

const memories = async (world: World): Promise<{ namespace: string; key: string }[]> =>
  (await all(world, `/v1/memories?include_superseded=true&namespace_prefix=${world.root}`)).filter(
    ({ namespace }) => namespace === world.root || String(namespace).startsWith(`${world.root}:`),
  );

const documents = async (world: World): Promise<{ id: number; file_path: string }[]> =>
  (await all(world, `/v1/documents?path_prefix=${world.name}/`)).filter(({ file_path }) =>
    String(file_path).startsWith(`${world.name}/`),
  );

/** Most pages that are followed: a run makes less than one. */
const MAX_PAGES = 10;

async function all(world: World, path: string): Promise<Heard['body'][]> {
  const items = [];
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page++) {
    const from: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = answers(200, await world.get(`${path}&limit=1000${from}`));
    items.push(...body.items);
    cursor = body.next_cursor;
    if (cursor === null) break;
  }
  return items;
}
