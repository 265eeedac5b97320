import type { Quarantine } from '#memories';
import type { Page } from '#kernel';
import { columns } from '../backup/texts.js';
import { EXIT, Failure } from '../failure.js';
import { moment, url } from '../options.js';
import { count } from '../progress.js';
import type { Rest } from '../rest.js';
import { answer, type Call, type Verb, type VerbGroup } from '../verb.js';

const ROUTE = '/v1/admin/quarantines';

const list: Verb = {
  name: 'list',
  isDefault: true,
  description: 'Quarantines, the newest first: where from, why, and how much is in them.',
  example: 'abathur quarantine list --standing',
  declare: (command) =>
    void command.option('--url <url>', 'ask this server', url).option('--standing', 'only those that stand'),
  async run(call) {
    const rest = await server(call);
    const quarantines: Quarantine[] = [];
    const standing = call.options['standing'] === true;
    for await (const page of rest.list<Quarantine>(`${ROUTE}?limit=1000&standing=${standing}`))
      quarantines.push(...page);
    answer(call, { quarantines }, tableOf(quarantines));
    return 0;
  },
};

const add: Verb = {
  name: 'add',
  description:
    'Keep what came from a source, and what was made of it, out of reads, lists, searches and contexts; of several sources, what comes from all of them.',
  example: 'abathur quarantine add --agent planner --from 2026-01-31T12:00:00Z --reason "prompt injection"',
  declare: (command) =>
    void command
      .option('--url <url>', 'ask this server', url)
      .option('--session <id>', 'what was written in it, or to its namespace')
      .option('--agent <id>', 'an agent, or an actor as the log names it')
      .option('--key <id>', 'an API key')
      .option('--from <time>', 'written at or after this time', moment)
      .option('--to <time>', 'written at or before this time', moment)
      .option('--correlation-id <id>', 'written under it')
      .option('--reason <text>', 'stays in the log'),
  async run(call) {
    const { session, agent, key, from, to, correlationId, reason } = call.options as Record<string, string | undefined>;
    if (reason === undefined) throw new Failure(EXIT.usage, 'no-reason', 'Say why.', 'Give --reason.');
    const body = { session_id: session, agent, key, from, to, correlation_id: correlationId, reason };
    if ([session, agent, key, from, to, correlationId].every((one) => one === undefined))
      throw new Failure(
        EXIT.usage,
        'no-source',
        'Say where from.',
        'Give --session, --agent, --from or another source.',
      );
    const rest = await server(call);
    const { body: imposed } = await rest.post<Quarantine>(ROUTE, body);
    const { body: contexts } = await rest.get<Page<{ id: string }>>(`${ROUTE}/${imposed.id}/contexts?limit=1000`);
    const used = contexts.items.length;
    const given =
      used === 0
        ? 'No recorded context was given any of it.\n'
        : `${count(used)}${contexts.next_cursor === null ? '' : ' or more'} recorded contexts were given some of it: GET ${ROUTE}/${imposed.id}/contexts\n`;
    answer(
      call,
      { ...imposed, contexts: contexts.items },
      `${count(imposed.memories)} versions of memories are in quarantine ${imposed.id}.\n${given}`,
    );
    return 0;
  },
};

const lift: Verb = {
  name: 'lift',
  description: 'Let everything in again that no other quarantine holds.',
  example: 'abathur quarantine lift 0f8fad5b-d9cb-469f-a165-70867728950e',
  declare: (command) => void command.argument('<quarantine>', 'its id').option('--url <url>', 'ask this server', url),
  async run(call) {
    const id = call.args[0]!;
    await (await server(call)).delete(`${ROUTE}/${encodeURIComponent(id)}`);
    answer(call, { lifted: id }, `Quarantine ${id} is lifted.\n`);
    return 0;
  },
};

/** The command `abathur quarantine`. */
export const quarantine: VerbGroup = {
  name: 'quarantine',
  description: 'Keep what came from a source that is not trusted away from everybody, and let it in again.',
  verbs: [list, add, lift],
};

async function server(call: Call): Promise<Rest> {
  const { serverFor } = await import('../target.js');
  return serverFor(call, 'Quarantines are imposed by a running server, and none has this file open.');
}

function tableOf(quarantines: Quarantine[]): string {
  if (quarantines.length === 0) return 'There are no quarantines.\n';
  return columns([
    ['quarantine', 'from', 'memories', 'imposed', 'by', 'lifted', 'why'],
    ...quarantines.map(({ id, source, memories, imposed_at, imposed_by, lifted_at, reason }) => [
      id,
      Object.entries(source)
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
      count(memories),
      imposed_at,
      imposed_by,
      lifted_at ?? 'stands',
      reason,
    ]),
  ]);
}
