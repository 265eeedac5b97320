import type { Holder } from '#storage';
import { takesFile } from '../../options.js';
import { answer, type Verb } from '../../verb.js';

export const locks: Verb = {
  name: 'locks',
  description:
    'Show which processes have the database open, and which of them writes, reads or keeps others out right now.',
  example: 'abathur db locks',
  declare: takesFile,
  async run(call) {
    const [{ fileOf }, { locksOf }] = await Promise.all([import('../../database-file.js'), import('#storage')]);
    const path = fileOf(call);
    const found = locksOf(path);
    const lines = [
      ...told('keeps all others out', found.alone),
      ...told('holds the write lock', found.writing),
      ...told('folds the write-ahead log back', found.checkpointing),
      ...told('is within a read', found.reading),
      ...told('has it open', found.open),
    ];
    answer(call, { file: path, ...found }, lines.length === 0 ? `Nobody has ${path} open.\n` : lines.join(''));
    return 0;
  },
};

function told(what: string, holders: Holder[]): string[] {
  const each = new Map(holders.map((holder) => [holder.pid, holder]));
  return [...each.values()].map(({ pid, command }) => `Process ${pid} ${what}: ${command}\n`);
}
