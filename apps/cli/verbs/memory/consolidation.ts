import { InvalidArgumentError } from 'commander';
import type { Json, Page } from '#kernel';
import type { ArchiveResult, Conflict, ConsolidationResult } from '#memories';
import { EXIT, Failure } from '../../failure.js';
import { interruptible } from '../../interrupt.js';
import { whole } from '../../options.js';
import { count } from '../../progress.js';
import { answer, type Call, type Verb } from '../../verb.js';
import { addressOf, query, serverOf, short, table, takesServer } from './asking.js';
import { memoryType } from './memories.js';

const STRATEGIES = ['last_write_wins', 'merge', 'llm', 'manual'];
const RESOLUTIONS = [...STRATEGIES, 'keep_all'];
const KINDS = ['duplicate', 'near_duplicate', 'same_key', 'concurrent_writes'];
const GOES_ON = 'The server goes on with what it has begun.';

const oneOf =
  (choices: string[]) =>
  (text: string): string => {
    if (!choices.includes(text)) throw new InvalidArgumentError(`Give one of ${choices.join(', ')}.`);
    return text;
  };

/** Nobody guesses what is to become of somebody's memories. */
function strategyOf({ options }: Pick<Call, 'options'>, choices: string[]): string {
  if (options['strategy'] !== undefined) return options['strategy'] as string;
  throw new Failure(EXIT.usage, 'no-strategy', 'Say how, with --strategy.', `It is one of ${choices.join(', ')}.`);
}

const nameOf = ({ namespace, key, version }: { namespace: string; key: string; version: number }): string =>
  `${namespace}/${key}@${version}`;

export const consolidate: Verb = {
  name: 'consolidate',
  description: 'Look for memories that repeat or contradict each other, and settle what can be settled.',
  example: 'abathur memory consolidate user:alice --strategy merge --dry-run',
  declare: (command) =>
    takesServer(
      command
        .argument('<prefix>', 'namespace or the beginning of it, in whole segments')
        .option('--strategy <strategy>', `one of ${STRATEGIES.join(', ')}`, oneOf(STRATEGIES))
        .option('--dry-run', 'only tell what would be done'),
    ),
  async run(call) {
    const { dryRun = false } = call.options;
    const strategy = strategyOf(call, STRATEGIES);
    const body = { namespace_prefix: call.args[0], strategy, dry_run: dryRun };
    const { follow, resultOf } = await import('../../follow.js');
    return interruptible(GOES_ON, async (interrupt) => {
      const title = 'Consolidating';
      const asked = { path: '/v1/memories/consolidate', body, title, quiet: call.json };
      const result = resultOf<ConsolidationResult>(await follow(await serverOf(call), interrupt, asked));
      answer(call, result, told(result));
      return 0;
    });
  },
};

function told(result: ConsolidationResult): string {
  const rows = result.groups.map(({ outcome, kind, members, into, because }) => [
    result.dry_run ? `would be ${outcome}` : outcome,
    kind,
    members.map(nameOf).join(' '),
    into === null ? (because ?? '') : `into ${nameOf(into)}`,
  ]);
  const list = rows.length === 0 ? '' : table(['OUTCOME', 'KIND', 'MEMBERS', ''], rows);
  const { scanned, found, consolidated, flagged, skipped, truncated } = result;
  const would = result.dry_run ? ' Nothing was written.' : '';
  const more = truncated ? ' There is more: run it again.' : '';
  return `${list}${count(scanned)} memories looked at, ${count(found)} conflicts: ${count(consolidated)} consolidated, ${count(flagged)} flagged, ${count(skipped)} skipped.${would}${more}\n`;
}

export const conflicts: Verb = {
  name: 'conflicts',
  description: 'List conflicts, the last found first.',
  example: 'abathur memory conflicts user:alice --status open',
  declare: (command) =>
    takesServer(
      command
        .argument('[prefix]', 'whose, in whole segments')
        .option('--status <status>', 'open or resolved', oneOf(['open', 'resolved']))
        .option('--kind <kind>', `one of ${KINDS.join(', ')}`, oneOf(KINDS))
        .option('--limit <n>', 'how many at most', whole(1, 1000), 50),
    ),
  async run(call) {
    const { status, kind, limit } = call.options;
    const asked = query({ namespace_prefix: call.args[0], status, kind, limit });
    const { body } = await (await serverOf(call)).get<Page<Conflict>>(`/v1/memories/conflicts?${asked}`);
    const rows = body.items.map((conflict) => [
      conflict.id,
      conflict.strategy ?? conflict.status,
      conflict.kind,
      conflict.members.map(nameOf).join(' '),
      short(conflict.reason, 70),
    ]);
    answer(call, body, table(['ID', 'STATUS', 'KIND', 'MEMBERS', 'REASON'], rows));
    return 0;
  },
};

export const resolve: Verb = {
  name: 'resolve',
  description: 'Settle one conflict, or say that it is none.',
  example: `abathur memory resolve <id> --strategy manual --value '{"text": "Alice moved to Rome."}'`,
  declare: (command) =>
    takesServer(
      command
        .argument('<id>', 'as abathur memory conflicts lists it')
        .option('--strategy <strategy>', `one of ${RESOLUTIONS.join(', ')}`, oneOf(RESOLUTIONS))
        .option('--value <json>', 'with manual: what the memory holds from now on', json),
    ),
  async run(call) {
    const { value } = call.options;
    const strategy = strategyOf(call, RESOLUTIONS);
    const path = `/v1/memories/conflicts/${encodeURIComponent(call.args[0]!)}/resolve`;
    const { body } = await (await serverOf(call)).post<Conflict>(path, { strategy, value });
    const result = body.result === null ? 'Every memory stays as it is.' : `It says so now in ${nameOf(body.result)}.`;
    answer(call, body, `Resolved by ${body.strategy}. ${result}\n`);
    return 0;
  },
};

function json(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new InvalidArgumentError('Give a JSON object.');
  }
}

export const archive: Verb = {
  name: 'archive',
  description: 'Archive one memory, or all that nobody has written for long: they leave lists and searches.',
  example: 'abathur memory archive --prefix user:alice --older-than-days 365 --dry-run',
  declare: (command) =>
    takesServer(
      command
        .argument('[namespace]', 'of one memory')
        .argument('[key]', 'of one memory')
        .option('--prefix <prefix>', 'of many: namespace or the beginning of it')
        .option('--type <type>', 'of many: semantic, episodic (the default) or procedural', memoryType)
        .option('--older-than-days <n>', 'of many: not written for so long (180)', whole(1, 36_500))
        .option('--dry-run', 'of many: only tell which'),
    ),
  async run(call) {
    const [namespace, key] = call.args;
    const { prefix, type, olderThanDays, dryRun } = call.options;
    const rest = await serverOf(call);
    if (namespace !== undefined) {
      const many = [prefix, type, olderThanDays, dryRun].some((option) => option !== undefined);
      if (key === undefined || many)
        throw new Failure(EXIT.usage, 'one-or-many', 'Name one memory by namespace and key, or many by options.');
      const { body } = await rest.post<object>(`${addressOf(namespace, key)}/archive`);
      answer(call, body, `Archived ${namespace}/${key}; restore brings it back.\n`);
      return 0;
    }
    const body = { namespace_prefix: prefix, memory_type: type, older_than_days: olderThanDays, dry_run: dryRun };
    const { follow, resultOf } = await import('../../follow.js');
    return interruptible(GOES_ON, async (interrupt) => {
      const asked = { path: '/v1/memories/archive', body, title: 'Archiving', quiet: call.json };
      const result = resultOf<ArchiveResult>(await follow(rest, interrupt, asked));
      const what = result.dry_run ? 'would be archived' : 'archived';
      const names = result.memories.map((ref) => `${nameOf(ref)}\n`).join('');
      answer(call, result, `${names}${count(result.archived)} ${what}, ${count(result.skipped)} skipped.\n`);
      return 0;
    });
  },
};
