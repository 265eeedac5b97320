import { InvalidArgumentError } from 'commander';
import type { Document, SyncResult } from '#documents';
import type { Page } from '#kernel';
import { EXIT } from '../failure.js';
import { interruptible } from '../interrupt.js';
import { takesTarget, whole } from '../options.js';
import { count } from '../progress.js';
import { answer, type Verb, type VerbGroup } from '../verb.js';
import { query, short, table } from './memory/asking.js';

const STATUSES = ['synced', 'pending', 'failed', 'stale'];
const BY_SERVER = 'Documents are read by a server, and none has this database open.';

const sync: Verb = {
  name: 'sync',
  description:
    'Compare the watched directories with the index, and take in what is new, has changed, moved or gone. Exit code 1: a file could not be read.',
  example: 'abathur documents sync',
  declare: (command) => takesTarget(command.argument('[directory]', 'one of them; else all')),
  async run(call) {
    const [{ serverFor }, { follow, resultOf }] = await Promise.all([import('../target.js'), import('../follow.js')]);
    return interruptible('The server goes on with it; abathur documents list shows how it ends.', async (interrupt) => {
      const rest = await serverFor(call, BY_SERVER, interrupt.signal);
      const body = call.args[0] === undefined ? {} : { directory: call.args[0] };
      const asked = { path: '/v1/documents/sync', body, title: 'Syncing', quiet: call.json };
      const result = resultOf<SyncResult>(await follow(rest, interrupt, asked));
      const told = (['created', 'changed', 'renamed', 'removed', 'unchanged', 'failed'] as const)
        .map((outcome) => `${count(result[outcome])} ${outcome}`)
        .join(', ');
      answer(call, result, `${told}.\n`);
      return result.failed > 0 ? EXIT.no : 0;
    });
  },
};

const list: Verb = {
  name: 'list',
  description: 'List documents, the newest change first: where they are from, how they stand, and why one failed.',
  example: 'abathur documents list --status failed',
  declare: (command) =>
    takesTarget(command.argument('[prefix]', 'how paths begin'))
      .option('--status <status>', `one of ${STATUSES.join(', ')}`, status)
      .option('--limit <n>', 'how many at most', whole(1, 1000), 50),
  async run(call) {
    const { serverFor } = await import('../target.js');
    const rest = await serverFor(call, BY_SERVER);
    const { status: sync_status, limit } = call.options;
    const asked = query({ path_prefix: call.args[0], sync_status, limit });
    const { body } = await rest.get<Page<Document>>(`/v1/documents?${asked}`);
    const rows = body.items.map((document) => [
      String(document.id),
      document.file_path,
      document.sync_status,
      String(document.version),
      short(document.failure ?? document.title, 60),
    ]);
    const more = body.next_cursor === null ? '' : 'There are more; --limit shows up to 1000 of them.\n';
    answer(call, body, table(['ID', 'PATH', 'STANDS', 'VERSION', 'TITLE OR REASON'], rows) + more);
    return 0;
  },
};

export const documents: VerbGroup = {
  name: 'documents',
  description: 'Files that are taken in from watched directories: look at them, and have them synced.',
  verbs: [sync, list],
};

function status(text: string): string {
  if (!STATUSES.includes(text)) throw new InvalidArgumentError(`Give one of ${STATUSES.join(', ')}.`);
  return text;
}
