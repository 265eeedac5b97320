import { EXIT } from '../failure.js';
import { answer, type Verb } from '../verb.js';

export const rollback: Verb = {
  name: 'rollback',
  description: 'Emergency: back up what is there, put the last good backup in its place, and verify it.',
  example: 'abathur rollback --dry-run',
  declare: (command) =>
    command
      .option('--to <backup>', 'this backup instead of the last good one')
      .option('--dry-run', 'check everything and say what would be done, but do nothing')
      .option('--yes', 'do not ask'),
  async run(call) {
    const { to, dryRun = false, yes = false } = call.options as Options;
    const [{ readConfig, takeOptions }, lib, { working }, { identityHint, planOf }] = await Promise.all([
      import('#assembly'),
      import('#backup'),
      import('../backup/work.js'),
      import('../backup/texts.js'),
    ]);
    const config = readConfig(process.env);
    const { ABATHUR_DB_PATH: target, ABATHUR_BACKUP_DIR: directory } = config;
    const shelf = new lib.Shelf(directory);
    const candidates = to === undefined ? shelf.good() : [shelf.find(to)];
    const begin = performance.now();
    return working(call.json, 'Nothing was changed.', async (work) => {
      work.refuseUnasked(yes || dryRun);
      let safety: Safety = { taken: null };
      let passedOver: { id: string; reason: string }[] = [];
      let plan: object = {};
      work.say(`1. Nobody may have ${target} open.`);
      const rolled = await lib.restoreInto(
        target,
        async () => {
          work.say('2. The newest backup that is good is looked for.');
          const found = await lib.prepareLastGood(candidates, (backup) =>
            work.run('stage', { backup: backup.directory, target, shelf: config.ABATHUR_BACKUP_DIR }),
          );
          ({ passedOver } = found);
          for (const { id, reason } of passedOver) work.say(`   ${id} is not: ${reason}`);
          return found.staged;
        },
        async (staged) => {
          const { manifest, log, loss } = staged;
          plan = { backup: manifest.id, database: target, log, loss, passed_over: passedOver };
          work.say(planOf(target, staged));
          if (dryRun || !(await work.confirm('Roll back?', yes))) return false;
          work.say('3. What is there now is backed up.');
          safety = await backUp(
            () => work.run('inspect', { path: target }),
            () => work.take(takeOptions(config, 'safety')),
          );
          if (safety.taken === null)
            work.say(`   It cannot be: ${safety.reason} Its files are kept aside as they are.`);
          work.say('4. The backup takes its place.');
          return true;
        },
      );
      if (rolled === undefined) {
        answer(
          call,
          { rolled_back: false, dry_run: dryRun, ...plan },
          dryRun ? 'Nothing was changed: this was a dry run.\n' : 'Nothing was changed.\n',
        );
        return dryRun ? 0 : EXIT.no;
      }
      work.say('5. It is verified where it is now.');
      const { log } = await work.run('inspect', { path: target });
      const seconds = Math.round(performance.now() - begin) / 1000;
      answer(
        call,
        {
          rolled_back: true,
          ...plan,
          log,
          safety_backup: safety.taken,
          safety_reason: safety.reason,
          aside: rolled.aside,
          seconds,
        },
        `Rolled back in ${seconds.toFixed(1)} s to ${rolled.manifest.id}: ${log.position} entries, head ${log.entry_hash}.\n` +
          (safety.taken === null ? '' : `What was there is the backup ${safety.taken}.\n`) +
          (rolled.aside === null ? '' : `Its files are in ${rolled.aside}.\n`) +
          identityHint(rolled.loss) +
          'Start the server again: npm start.\n',
      );
      return 0;
    });
  },
};

interface Options {
  to?: string;
  dryRun?: boolean;
  yes?: boolean;
}

interface Safety {
  taken: string | null;
  reason?: string;
}

/** A database that is not sound is not opened for writing, not even to copy it: it may be evidence. */
async function backUp(
  inspect: () => Promise<unknown>,
  take: () => Promise<{ manifest: { id: string } }>,
): Promise<Safety> {
  try {
    await inspect();
    return { taken: (await take()).manifest.id };
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== 'DomainError') throw error;
    return { taken: null, reason: message };
  }
}
