import { EXIT } from '../failure.js';
import { takesTarget } from '../options.js';
import { answer, type Verb } from '../verb.js';

export const status: Verb = {
  name: 'status',
  description:
    'One screen: who has the database open, its health, log, projections, backlog, backups, disk and jobs. Exit code 1: something needs a look.',
  example: 'abathur status',
  declare: takesTarget,
  async run(call) {
    const [{ target }, { screen }] = await Promise.all([import('../target.js'), import('../status/screen.js')]);
    const of = await target({ ...call, json: true });
    const standing =
      of.kind === 'server'
        ? await (await import('../status/of-server.js')).standingOfServer(of)
        : (await import('../status/of-file.js')).standingOfFile(of.path);
    answer(call, standing, screen(standing, Date.now()));
    return standing.needs_a_look.length > 0 ? EXIT.no : 0;
  },
};
