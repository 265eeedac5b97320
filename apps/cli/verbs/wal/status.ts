import type { WalStatus } from '#storage';
import { EXIT } from '../../failure.js';
import { takesFile } from '../../options.js';
import { count } from '../../progress.js';
import { answer, type Verb } from '../../verb.js';

export const status: Verb = {
  name: 'status',
  isDefault: true,
  description:
    'Show how long it is, how much of it is in the file already, and who holds up the rest. Exit code 1: somebody does.',
  example: 'abathur wal status',
  declare: takesFile,
  async run(call) {
    const [{ fileOf }, { megabytes, walStatus }] = await Promise.all([
      import('../../database-file.js'),
      import('#storage'),
    ]);
    const found = walStatus(fileOf(call));
    const holding = found.readers.filter(({ frame }) => frame < found.frames);
    answer(call, { ...found, held_up: holding.length > 0 }, text(found, holding, megabytes));
    return holding.length > 0 ? EXIT.no : 0;
  },
};

function text(
  { file, bytes, frames, folded }: WalStatus,
  holding: WalStatus['readers'],
  megabytes: (bytes: number) => string,
): string {
  const lines = holding.map(
    ({ pid, command, frame }) =>
      `Process ${pid} reads as of frame ${count(frame)}, and holds up what came after: ${command}\n`,
  );
  const end = holding.length > 0 ? '' : 'Nobody holds up the rest.\n';
  return `${file}: ${megabytes(bytes)}, ${count(folded)} of ${count(frames)} frames are in the database file.\n${lines.join('')}${end}`;
}
