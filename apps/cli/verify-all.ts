import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '#assembly';
import { Shelf, type Backup } from '#backup';
import { checkHere, checkThere } from './check-integrity.js';
import { EXIT } from './failure.js';
import { interruptible } from './interrupt.js';
import { count } from './progress.js';
import { target } from './target.js';
import { answer, type Call } from './verb.js';
import { tableOf } from './verbs/integrity.js';

/** A backup whose files were held against its manifest. */
interface CheckedBackup {
  id: string;
  ok: boolean;
  reason?: string;
}

/** Everything that is kept: the database against its log, and every backup against its manifest. */
export async function verifyAll(call: Call): Promise<number> {
  return interruptible('Nothing was changed.', async (interrupt) => {
    const of = await target(call, interrupt.signal);
    // Backups of a server that was named may lie on another machine.
    const backups = call.options['url'] === undefined ? await checkBackups(() => interrupt.check(NOTHING)) : [];
    const report =
      of.kind === 'server' ? await checkThere(of.rest, interrupt, call.json) : checkHere(of.path, interrupt, call.json);
    const bad = backups.filter(({ ok }) => !ok);
    const told =
      call.options['url'] !== undefined
        ? 'Backups were not looked at: they are where the server is.\n'
        : `${count(backups.length - bad.length)} of ${count(backups.length)} backups are as they were made.\n`;
    const named = bad.map(({ id, reason }) => `FAIL ${id}: ${reason}\n`).join('');
    const ok = report.ok && bad.length === 0;
    answer(call, { ok, database: report, backups }, tableOf(report) + named + told);
    return ok ? 0 : EXIT.no;
  });
}

const NOTHING = 'Nothing was changed.';

async function checkBackups(check: () => void): Promise<CheckedBackup[]> {
  const shelf = new Shelf(readConfig(process.env).ABATHUR_BACKUP_DIR);
  const checked: CheckedBackup[] = [];
  for (const backup of shelf.list()) {
    check();
    checked.push({ id: backup.manifest.id, ...(await asMade(backup)) });
  }
  return [...checked, ...shelf.unreadable().map((id) => ({ id, ok: false, reason: 'its manifest cannot be read' }))];
}

/** Whether the packed file is what the manifest says. To unpack and check each of them is what a drill is for. */
async function asMade({ directory, manifest: { packed } }: Backup): Promise<{ ok: boolean; reason?: string }> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(join(directory, packed.file))) hash.update(chunk as Buffer);
  } catch (error) {
    return { ok: false, reason: `${packed.file} cannot be read (${(error as { code?: string }).code})` };
  }
  if (hash.digest('hex') === packed.sha256) return { ok: true };
  return { ok: false, reason: `${packed.file} is not what its manifest says` };
}
