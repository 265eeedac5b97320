import { join } from 'node:path';
import { EXIT, Failure } from '../failure.js';
import { count, duration, Progress } from '../progress.js';
import { answer, type Verb } from '../verb.js';

export const rebuild: Verb = {
  name: 'rebuild',
  description:
    'Make a whole database from an export of the log alone. Every line is verified; a wrong one ends it with its number and leaves no database. To rebuild tables of a living database, see abathur projections.',
  example: 'abathur rebuild --from export.ndjson --to new.db',
  declare: (command) =>
    void command
      .option('--from <export>', 'a complete export, as GET /v1/audit/export writes it')
      .option('--to <file>', 'the database to make; it must not be there yet')
      .option('--erasures <file>', 'erase again what this list says, instead of the one in ABATHUR_BACKUP_DIR'),
  async run(call) {
    const [{ ERASURES, readConfig, rebuildFromExport }, { Interrupt }] = await Promise.all([
      import('#assembly'),
      import('../interrupt.js'),
    ]);
    const { from, to } = given(call.options as { from?: string; to?: string });
    const { erasures = join(readConfig(process.env).ABATHUR_BACKUP_DIR, ERASURES) } = call.options as {
      erasures?: string;
    };
    const interrupt = new Interrupt();
    const bars = new Map<string, { bar: Progress; seen: number }>();
    try {
      const made = await rebuildFromExport(
        from,
        to,
        (phase, done, total) => {
          interrupt.check('No database was made. Run the same command again.');
          let shown = bars.get(phase);
          if (shown === undefined) {
            for (const { bar } of bars.values()) bar.end();
            shown = { bar: new Progress(TITLE[phase], total, process.stderr, call.json), seen: 0 };
            bars.set(phase, shown);
          }
          shown.bar.add(done - shown.seen);
          shown.seen = done;
        },
        erasures,
      );
      [...bars.values()].at(-1)?.bar.end();
      const { entries, seconds, erased_again } = made;
      const took = seconds.import + seconds.project;
      answer(
        call,
        made,
        `${made.file}: ${count(entries)} entries verified and projected in ${duration(took)}.\nHead ${entries} ${made.entry_hash}\n${erased_again > 0 ? `Erased again: ${count(erased_again)} erasures of ${erasures}.\n` : ''}`,
      );
      return 0;
    } catch (error) {
      throw asFailure(error, from, to);
    } finally {
      interrupt.off();
    }
  },
};

function given({ from, to }: { from?: string; to?: string }): { from: string; to: string } {
  if (from !== undefined && to !== undefined) return { from, to };
  const missing = from === undefined ? '--from <export>' : '--to <file>';
  throw new Failure(EXIT.usage, 'usage', `${missing} is missing.`, 'Try abathur rebuild --help.');
}

const TITLE = { import: 'Reading', project: 'Projecting' };

function asFailure(error: unknown, from: string, to: string): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && path === from) {
    return new Failure(EXIT.noInput, 'no-export', `There is no export at ${from}.`, 'Make one: GET /v1/audit/export.');
  }
  if (code === 'EISDIR') return new Failure(EXIT.noInput, 'no-export', `${from} is a directory, not an export.`);
  if (['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'EEXIST'].includes(code ?? '')) {
    return new Failure(EXIT.config, 'cannot-open', `${path ?? to} cannot be opened (${code}).`, 'Name another file.');
  }
  return error;
}
