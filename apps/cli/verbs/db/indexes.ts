import { EXIT } from '../../failure.js';
import { takesFile } from '../../options.js';
import { count } from '../../progress.js';
import { answer, type Verb } from '../../verb.js';

export const indexes: Verb = {
  name: 'indexes',
  description: 'Hold the indexes of the database against those that the migrations make. Exit code 1: one is missing.',
  example: 'abathur db indexes',
  declare: takesFile,
  async run(call) {
    const [{ fileOf }, { openModel }, { openToRead }, { missingIndexes, tableIndexes }] = await Promise.all([
      import('../../database-file.js'),
      import('#assembly'),
      import('../../target.js'),
      import('#storage'),
    ]);
    const path = fileOf(call);
    const [database, model] = [openToRead(path), openModel()];
    try {
      const missing = missingIndexes(database, model);
      const found = tableIndexes(database).length;
      const lines = missing.map(({ name, table }) => `missing  ${name} of ${table}\n`);
      const end = missing.length === 0 ? 'None is missing.' : 'abathur db reindex --missing makes them again.';
      answer(call, { file: path, found, missing }, `${count(found)} indexes are there.\n${lines.join('')}${end}\n`);
      return missing.length === 0 ? 0 : EXIT.no;
    } finally {
      database.close();
      model.close();
    }
  },
};
