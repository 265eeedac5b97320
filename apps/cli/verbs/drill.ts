import { EXIT } from '../failure.js';
import { whole } from '../options.js';
import { answer, type Verb } from '../verb.js';

/** Seconds within which everything has to be back. */
const OBJECTIVE = 3600;

export const drill: Verb = {
  name: 'drill',
  description:
    'Prove that a backup can be had back: take one, restore it elsewhere, rebuild, compare. Exit code 1: it cannot, or not in time.',
  example: 'abathur drill --json',
  declare: (command) =>
    command.option(
      '--objective <seconds>',
      'longest time from nothing to a verified database',
      whole(0, 30 * 86_400),
      OBJECTIVE,
    ),
  async run(call) {
    const [{ readConfig, takeOptions }, { working }, { runDrill, reportOf }] = await Promise.all([
      import('#assembly'),
      import('../backup/work.js'),
      import('../backup/drill.js'),
    ]);
    const options = takeOptions(readConfig(process.env), 'manual');
    return working(call.json, 'What was made for the drill is removed.', async (work) => {
      work.say(`Drilling with the file ${options.database}; a backup of it goes into ${options.directory}.`);
      const drilled = await runDrill(work, options, call.options['objective'] as number);
      answer(call, drilled, reportOf(drilled));
      return drilled.ok ? 0 : EXIT.no;
    });
  },
};
