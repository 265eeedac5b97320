import { EXIT, Failure } from '../failure.js';
import { moment, whole } from '../options.js';
import { answer, type Verb } from '../verb.js';

export const restore: Verb = {
  name: 'restore',
  description: 'Put a verified backup in the place of the database, as a whole or up to a log position or time.',
  example: 'abathur restore latest --to-time 2026-01-31T12:00:00Z',
  declare: (command) =>
    command
      .argument('<backup>', 'its name, its directory, or latest')
      .option('--to-position <n>', 'end the log at this entry', whole(1, Number.MAX_SAFE_INTEGER))
      .option('--to-time <time>', 'end the log with the last entry at or before this time', moment)
      .option('--into <path>', 'restore into this file instead of ABATHUR_DB_PATH')
      .option('--yes', 'do not ask'),
  async run(call) {
    const { toPosition, toTime, into, yes = false } = call.options as Options;
    const [{ readConfig }, { restoreInto, Shelf }, { working }, { identityHint, planOf }] = await Promise.all([
      import('#assembly'),
      import('#backup'),
      import('../backup/work.js'),
      import('../backup/texts.js'),
    ]);
    if (toPosition !== undefined && toTime !== undefined) {
      throw new Failure(
        EXIT.usage,
        'two-limits',
        '--to-position and --to-time name two different ends.',
        'Give one of them.',
      );
    }
    const config = readConfig(process.env);
    const target = into ?? config.ABATHUR_DB_PATH;
    const backup = new Shelf(config.ABATHUR_BACKUP_DIR).find(call.args[0]!);
    return working(call.json, 'Nothing was changed.', async (work) => {
      work.refuseUnasked(yes);
      work.say(`Restoring ${backup.directory} into the file ${target}.`);
      const restored = await restoreInto(
        target,
        () =>
          work.run('stage', {
            backup: backup.directory,
            target,
            toPosition,
            toTime,
            shelf: config.ABATHUR_BACKUP_DIR,
          }),
        (staged) => {
          work.say(planOf(target, staged));
          return work.confirm('Go on?', yes);
        },
      );
      if (restored === undefined) {
        answer(call, { restored: false }, 'Nothing was changed.\n');
        return EXIT.no;
      }
      const { manifest, log, aside, loss, migrated, erased_again } = restored;
      const kept = aside === null ? '' : `The old database is kept in ${aside}.\n`;
      answer(
        call,
        { restored: true, backup: manifest.id, database: target, log, aside, loss, migrated, erased_again },
        `${target} is restored: ${log.position} entries, head ${log.entry_hash}.\n${kept}${identityHint(loss)}`,
      );
      return 0;
    });
  },
};

interface Options {
  toPosition?: number;
  toTime?: string;
  into?: string;
  yes?: boolean;
}
