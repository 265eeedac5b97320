import { EXIT } from '../../failure.js';
import { takesFile } from '../../options.js';
import { count } from '../../progress.js';
import { answer, type Verb } from '../../verb.js';

export const checkpoint: Verb = {
  name: 'checkpoint',
  description:
    'Fold the write-ahead log into the database file and cut it to nothing (PRAGMA wal_checkpoint(TRUNCATE)). Exit code 1: somebody reads what is older.',
  example: 'abathur wal checkpoint',
  declare: takesFile,
  async run(call) {
    const [{ fileOf }, storage] = await Promise.all([import('../../database-file.js'), import('#storage')]);
    const path = fileOf(call);
    const before = storage.walStatus(path);
    const done = storage.checkpoint(path);
    const found = { file: before.file, bytes_before: before.bytes, ...done };
    const text = done.busy
      ? `busy: ${count(done.folded)} of ${count(done.frames)} frames are in the database file, the rest is held up: abathur wal status tells by whom.\n`
      : `${before.file}: from ${storage.megabytes(before.bytes)} to nothing.\n`;
    answer(call, found, text);
    return done.busy ? EXIT.no : 0;
  },
};
