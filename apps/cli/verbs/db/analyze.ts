import { takesFile } from '../../options.js';
import { duration } from '../../progress.js';
import { answer, type Verb } from '../../verb.js';

/** Rows of each index that are looked at: enough to know its shape, few enough for milliseconds. */
const SAMPLE = 1000;

export const analyze: Verb = {
  name: 'analyze',
  description:
    'Let SQLite count what its indexes hold, which it then plans by (ANALYZE). Programs that run plan by it from their next start.',
  example: 'abathur db analyze',
  declare: (command) =>
    void takesFile(command)
      .option('--forget', 'take the counts away again')
      .option('--dry-run', 'only tell what would be done'),
  async run(call) {
    const [{ fileOf }, { openToRead }, { Database }] = await Promise.all([
      import('../../database-file.js'),
      import('../../target.js'),
      import('#storage'),
    ]);
    const path = fileOf(call);
    const { forget = false, dryRun = false } = call.options as { forget?: boolean; dryRun?: boolean };
    openToRead(path).close();
    const begin = performance.now();
    const database = Database.open({ path, readonly: dryRun });
    try {
      const counted = database.hasTable('sqlite_stat1');
      if (!dryRun && !forget) database.exec(`PRAGMA analysis_limit = ${SAMPLE}; ANALYZE`);
      if (!dryRun && forget && counted) database.exec('DROP TABLE sqlite_stat1');
      const seconds = (performance.now() - begin) / 1000;
      const found = {
        file: path,
        dry_run: dryRun,
        counted_before: counted,
        counted: dryRun ? counted : !forget,
        seconds,
      };
      answer(call, found, sentence(found, forget));
      return 0;
    } finally {
      database.close();
    }
  },
};

function sentence(
  { dry_run, counted_before, seconds }: { dry_run: boolean; counted_before: boolean; seconds: number },
  forget: boolean,
): string {
  const before = counted_before ? 'There are counts' : 'There are no counts yet';
  if (dry_run) return `${before}. Nothing was changed: this was a dry run.\n`;
  return forget ? 'The counts are gone: plans are made without them.\n' : `Counted in ${duration(seconds)}.\n`;
}
