import type { Database, TableIndex } from '#storage';
import { EXIT, Failure } from '../../failure.js';
import { takesFile } from '../../options.js';
import { duration } from '../../progress.js';
import { answer, type Verb } from '../../verb.js';

export const reindex: Verb = {
  name: 'reindex',
  description:
    'Make indexes anew from the rows of their tables (REINDEX), one after the other: writes wait for as long as one takes.',
  example: 'abathur db reindex --missing',
  declare: (command) =>
    void takesFile(command)
      .argument('[name]', 'this index; without it, all of them')
      .option('--missing', 'only those that are missing')
      .option('--dry-run', 'only tell which'),
  async run(call) {
    const { fileOf } = await import('../../database-file.js');
    const path = fileOf(call);
    const dryRun = call.options['dryRun'] === true;
    const made = await onModel(path, dryRun, (database, storage, model) => {
      const wanted = chosen(storage.tableIndexes(model), call.args[0]);
      const missing = new Set(storage.missingIndexes(database, model).map(({ name }) => name));
      const these = wanted.filter(({ name }) => call.options['missing'] !== true || missing.has(name));
      return these.map((index) => {
        const begin = performance.now();
        if (!dryRun) storage.makeIndex(database, index);
        return { name: index.name, table: index.table, seconds: Math.round(performance.now() - begin) / 1000 };
      });
    });
    const lines = made.map(({ name, table, seconds }) =>
      dryRun ? `would be made: ${name} of ${table}\n` : `made ${name} of ${table} in ${duration(seconds)}\n`,
    );
    const nothing = made.length === 0 ? 'None is missing.\n' : '';
    const end = dryRun ? 'Nothing was changed: this was a dry run.\n' : '';
    answer(call, { file: path, dry_run: dryRun, made }, `${lines.join('')}${nothing}${end}`);
    return 0;
  },
};

function chosen(all: TableIndex[], name: string | undefined): TableIndex[] {
  const these = all.filter((index) => name === undefined || index.name === name);
  if (these.length > 0) return these;
  const hint = `Indexes are ${all.map((index) => index.name).join(', ')}.`;
  throw new Failure(EXIT.no, 'index-not-found', `No migration makes an index ${name}.`, hint);
}

async function onModel<T>(
  path: string,
  readonly: boolean,
  work: (database: Database, storage: typeof import('#storage'), model: Database) => T,
): Promise<T> {
  const [{ openModel }, { openToRead }, storage] = await Promise.all([
    import('#assembly'),
    import('../../target.js'),
    import('#storage'),
  ]);
  // Whether it is one of ours is found out without writing.
  openToRead(path).close();
  const [database, model] = [storage.Database.open({ path, readonly }), openModel()];
  try {
    return work(database, storage, model);
  } finally {
    database.close();
    model.close();
  }
}
