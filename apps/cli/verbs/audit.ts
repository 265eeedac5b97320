import { once } from 'node:events';
import { Option, type Command } from 'commander';
import type { ExportFilter, ExportTrailer } from '#audit-log';
import { withAuditor } from '../audit/with-auditor.js';
import { EXIT } from '../failure.js';
import { takesTarget, whole } from '../options.js';
import { count } from '../progress.js';
import { answer, type Call, type Verb, type VerbGroup } from '../verb.js';
import { proving } from './audit-proof.js';

const ANY = Number.MAX_SAFE_INTEGER;
const OPERATIONS = ['create', 'update', 'delete', 'restore', 'consolidate', 'publish', 'expire'];

/** The filters of the log, under the names that they have in REST. */
const takesFilter = (command: Command): Command =>
  takesTarget(command)
    .option('--after <position>', 'only entries after this position', whole(0, ANY))
    .option('--stream <name>', 'of one stream, for instance session:s1')
    .option('--type <type>', 'of one type, for instance MemoryWritten')
    .option('--actor <actor>', 'by whom')
    .option('--agent-id <id>', 'by which agent')
    .option('--task-id <id>', 'for which task')
    .option('--session-id <id>', 'of which session')
    .option('--namespace-prefix <namespace>', 'of memories in this namespace and below')
    .addOption(new Option('--memory-operation <operation>', 'what was done to a memory').choices(OPERATIONS))
    .option('--memory-entry-id <id>', 'of one version of a memory', whole(1, ANY))
    .option('--correlation-id <id>', 'of one operation');

const takesTimes = (command: Command): Command =>
  takesFilter(command)
    .option('--from <time>', 'earliest time, ISO-8601')
    .option('--to <time>', 'latest time, ISO-8601');

const list: Verb = {
  name: 'list',
  description: 'List entries of the log.',
  example: 'abathur audit list --namespace-prefix user:alice --order desc --limit 10',
  declare: (command) =>
    takesTimes(command)
      .addOption(new Option('--order <order>', 'oldest or newest first').choices(['asc', 'desc']).default('asc'))
      .option('--limit <n>', 'entries of one page', whole(1, 1000), 50)
      .option('--cursor <cursor>', 'next_cursor of the page before'),
  run: (call) =>
    withAuditor(call, async (auditor, { lineOf }) => {
      const { order, limit, cursor } = call.options;
      const page = await auditor.list({ ...filterOf(call), order, limit, cursor });
      const more = page.next_cursor === null ? '' : `More: --cursor ${page.next_cursor}\n`;
      answer(call, page, `${page.items.map(lineOf).join('')}${more}`);
      return 0;
    }),
};

const show: Verb = {
  name: 'show',
  description: 'Show one entry with everything that it was sealed with.',
  example: 'abathur audit show 12',
  declare: (command) => takesTarget(command).argument('<position>', 'its place in the log', whole(0, ANY)),
  run: (call) =>
    withAuditor(call, async (auditor, { entryText }) => {
      const event = await auditor.show(whole(0, ANY)(call.args[0]!));
      answer(call, event, entryText(event));
      return 0;
    }),
};

const follow: Verb = {
  name: 'follow',
  description: 'Tell entries as they come, until Ctrl-C; with --json one object a line.',
  example: 'abathur audit follow --type SessionStatusChanged',
  declare: (command) => takesFilter(command).option('--limit <n>', 'end after so many', whole(1, ANY)),
  run: (call) =>
    withAuditor(call, async (auditor, { lineOf }) => {
      const stop = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
      let told = 0;
      for await (const event of auditor.follow(filterOf(call), stop.signal)) {
        answer(call, event, lineOf(event));
        if (++told === call.options['limit']) return 0;
      }
      return EXIT.interrupted;
    }),
};

const exporting: Verb = {
  name: 'export',
  description: 'Write the log as lines of JSON, with a manifest before and a trailer after them.',
  example: 'abathur audit export --out audit.ndjson',
  declare: (command) => takesTimes(command).option('--out <file>', 'write to this file; it is there when all of it is'),
  run: (call) =>
    withAuditor(call, async (auditor) => {
      const { out } = call.options as { out?: string };
      const pieces = auditor.export(filterOf(call));
      if (out === undefined) {
        for await (const piece of pieces) if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
        return 0;
      }
      const { writeWhole } = await import('../audit/to-file.js');
      const { trailer } = JSON.parse(await writeWhole(out, pieces)) as ExportTrailer;
      answer(call, { file: out, ...trailer }, `${count(trailer.entries)} entries are in ${out}.\n`);
      return 0;
    }),
};

const diff: Verb = {
  name: 'diff',
  description: 'Tell what became different between two positions or times: memories, and state and status of sessions.',
  example: 'abathur audit diff 100 250 --namespace-prefix user:alice',
  declare: (command) =>
    takesTarget(command)
      .argument('<from>', 'a position or an ISO-8601 time')
      .argument('<to>', 'a later one')
      .option('--namespace-prefix <namespace>', 'only memories in this namespace and below')
      .option('--session-id <id>', 'only this session'),
  run: (call) =>
    withAuditor(call, async (auditor, { changeText }) => {
      const [from, to] = call.args as [string, string];
      const { namespacePrefix: namespace_prefix, sessionId: session_id } = call.options;
      const changes = [];
      for await (const page of auditor.diff({ from, to, namespace_prefix, session_id })) {
        if (call.json) changes.push(...page);
        else process.stdout.write(page.map(changeText).join(''));
      }
      if (call.json) answer(call, { from, to, items: changes }, '');
      return 0;
    }),
};

const why: Verb = {
  name: 'why',
  description: 'Tell where a memory comes from and what became of it.',
  example: 'abathur audit why user:alice:preferences coffee',
  declare: (command) =>
    takesTarget(command).argument('<namespace>', 'where it is').argument('<key>', 'how it is called there'),
  run: (call) =>
    withAuditor(call, async (auditor, { whyText }) => {
      const [namespace, key] = call.args as [string, string];
      const found = await auditor.why(namespace, key);
      answer(call, found, whyText(found));
      return 0;
    }),
};

const revert: Verb = {
  name: 'revert',
  description:
    'Take back everything that was written under a correlation id. Exit code 1: a dry run finds that it cannot.',
  example: 'abathur audit revert 01a2-extraction --dry-run',
  declare: (command) =>
    takesTarget(command)
      .argument('<correlation_id>', 'of the operation; audit list shows it')
      .option('--dry-run', 'tell what would happen, and write nothing'),
  run: (call) =>
    withAuditor(call, async (auditor, { revertText }) => {
      const result = await auditor.revert(call.args[0]!, call.options['dryRun'] === true);
      answer(call, result, revertText(result));
      return result.refused.length === 0 ? 0 : EXIT.no;
    }),
};

export const auditing: VerbGroup = {
  name: 'audit',
  description: 'Look into the log: list, follow and export it, compare, ask why, take back, prove.',
  verbs: [list, show, follow, exporting, diff, why, revert, ...proving],
};

const FILTERS = {
  after: 'after',
  stream: 'stream',
  type: 'type',
  actor: 'actor',
  agentId: 'agent_id',
  taskId: 'task_id',
  sessionId: 'session_id',
  namespacePrefix: 'namespace_prefix',
  memoryOperation: 'memory_operation',
  memoryEntryId: 'memory_entry_id',
  correlationId: 'correlation_id',
  from: 'from',
  to: 'to',
};

const filterOf = ({ options }: Call): ExportFilter =>
  Object.fromEntries(
    Object.entries(FILTERS)
      .filter(([option]) => options[option] !== undefined)
      .map(([option, name]) => [name, options[option] as unknown]),
  );
