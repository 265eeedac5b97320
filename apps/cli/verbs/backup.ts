import { answer, type Verb, type VerbGroup } from '../verb.js';

const take: Verb = {
  name: 'take',
  isDefault: true,
  description: 'Take a backup, also while a server is writing; it is verified before it is one.',
  example: 'abathur backup take --out /mnt/backups',
  declare: (command) => command.option('--out <dir>', 'directory for it, instead of ABATHUR_BACKUP_DIR'),
  async run(call) {
    const [{ readConfig, takeOptions }, { asListed }, { working }, { tableOf }] = await Promise.all([
      import('#assembly'),
      import('#backup'),
      import('../backup/work.js'),
      import('../backup/texts.js'),
    ]);
    const options = takeOptions(readConfig(process.env), 'manual');
    const directory = (call.options['out'] as string | undefined) ?? options.directory;
    return working(call.json, 'Nothing of it was kept.', async (work) => {
      work.say(`Backing up the file ${options.database} into ${directory}.`);
      const taken = await work.take({ ...options, directory });
      const listed = asListed(taken);
      const removed = taken.removed.map((id) => `removed ${id}, which was older than ${options.keepDays} days\n`);
      answer(
        call,
        { ...listed, directory: taken.directory, removed: taken.removed },
        tableOf([listed]) + removed.join(''),
      );
      return 0;
    });
  },
};

const list: Verb = {
  name: 'list',
  description: 'Show the backups that there are, newest first. Exit code 1: there is none.',
  example: 'abathur backup list',
  declare: (command) => command.option('--out <dir>', 'where they are, instead of ABATHUR_BACKUP_DIR'),
  async run(call) {
    const [{ readConfig }, { asListed, Shelf }, { tableOf }] = await Promise.all([
      import('#assembly'),
      import('#backup'),
      import('../backup/texts.js'),
    ]);
    const directory = (call.options['out'] as string | undefined) ?? readConfig(process.env).ABATHUR_BACKUP_DIR;
    const shelf = new Shelf(directory);
    const [backups, unreadable] = [shelf.list().map(asListed), shelf.unreadable()];
    const text = backups.length === 0 ? `There is no backup in ${directory}.\n` : tableOf(backups);
    answer(
      call,
      { directory, backups, unreadable },
      text + unreadable.map((name) => `${name} cannot be read\n`).join(''),
    );
    return backups.length === 0 ? 1 : 0;
  },
};

export const backup: VerbGroup = {
  name: 'backup',
  description: 'Take a backup (that is what the word alone does), or list those that there are.',
  verbs: [take, list],
};
