import { answers, holds, refuses, same, type SmokeCase, type SmokeCategory } from './case.js';
import { Skipped } from './mismatch.js';
import type { World } from './world.js';

/** Cases that have a meaning only where the deployment asks for keys. */
export const access: SmokeCategory = {
  name: 'Access',
  cases: [
    withKey('A request without a key is refused', async (world) => {
      const refused = refuses(401, await world.get('/v1/sessions?limit=1', { key: null }));
      holds('WWW-Authenticate is missing', refused.headers.has('www-authenticate'));
    }),
    withKey('A key that is none is refused, and told apart from nothing', async (world) => {
      const without = refuses(401, await world.get('/v1/audit/head', { key: null }));
      const wrong = refuses(401, await world.get('/v1/audit/head', { key: `${world.name}-is-no-key` }));
      same('what is told of it', wrong.body.title, without.body.title);
    }),
    withKey('Health is answered without a key, data is not', async (world) => {
      answers(200, await world.get('/health/live', { key: null }));
      answers(200, await world.get('/health/ready', { key: null }));
      refuses(401, await world.get('/v1/memories?limit=1', { key: null }));
    }),
  ],
};

function withKey(name: string, run: SmokeCase['run']): SmokeCase {
  return {
    name,
    async run(world: World) {
      if (world.key === undefined) throw new Skipped('no --key was given');
      return run(world);
    },
  };
}
