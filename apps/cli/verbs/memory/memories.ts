import { InvalidArgumentError } from 'commander';
import type { Page } from '#kernel';
import type { Memory } from '#memories';
import { whole } from '../../options.js';
import { answer, type Verb } from '../../verb.js';
import { addressOf, query, serverOf, short, table, takesServer } from './asking.js';

const TYPES = ['semantic', 'episodic', 'procedural'];

/** The type of a memory, as an option takes it. */
export function memoryType(text: string): string {
  if (!TYPES.includes(text)) throw new InvalidArgumentError(`Give one of ${TYPES.join(', ')}.`);
  return text;
}

export const list: Verb = {
  name: 'list',
  description: 'List memories, newest first.',
  example: 'abathur memory list user:alice --type semantic',
  declare: (command) =>
    takesServer(
      command
        .argument('[prefix]', 'namespace or the beginning of it, in whole segments')
        .option('--type <type>', `one of ${TYPES.join(', ')}`, memoryType)
        .option('--filter <json>', 'as GET /v1/memories takes it')
        .option('--as-of <when>', 'as it was at a time or log position')
        .option('--include-superseded', 'also those that went into others, and archived ones')
        .option('--include-deleted', 'also deleted ones')
        .option('--limit <n>', 'how many at most', whole(1, 1000), 50),
    ),
  async run(call) {
    const { type, filter, asOf, includeSuperseded, includeDeleted, limit } = call.options;
    const asked = query({
      namespace_prefix: call.args[0],
      memory_type: type,
      filter,
      as_of: asOf,
      include_superseded: includeSuperseded,
      include_deleted: includeDeleted,
      limit,
    });
    const { body } = await (await serverOf(call)).get<Page<Memory>>(`/v1/memories?${asked}`);
    const rows = body.items.map((memory) => [
      memory.namespace,
      memory.key,
      String(memory.version),
      memory.memory_type,
      standing(memory),
      short(JSON.stringify(memory.value), 60),
    ]);
    const more = body.next_cursor === null ? '' : `There are more; --limit shows up to 1000 of them.\n`;
    answer(call, body, table(['NAMESPACE', 'KEY', 'VERSION', 'TYPE', 'STANDS', 'VALUE'], rows) + more);
    return 0;
  },
};

function standing({ is_deleted, consolidated_into, is_archived, requires_review }: Memory): string {
  if (is_deleted) return 'deleted';
  if (consolidated_into !== null) return 'superseded';
  if (is_archived) return 'archived';
  return requires_review ? 'to review' : 'current';
}

export const get: Verb = {
  name: 'get',
  description: 'Show a memory.',
  example: 'abathur memory get user:alice:preferences coffee',
  declare: (command) =>
    takesServer(
      command
        .argument('<namespace>')
        .argument('<key>')
        .option('--at-version <n>', 'one of its versions', whole(1, Number.MAX_SAFE_INTEGER))
        .option('--as-of <when>', 'as it was at a time or log position'),
    ),
  async run(call) {
    const [namespace, key] = call.args as [string, string];
    const asked = query({ version: call.options['atVersion'], as_of: call.options['asOf'] });
    const { body } = await (await serverOf(call)).get<Memory>(`${addressOf(namespace, key)}?${asked}`);
    answer(call, body, `${JSON.stringify(body, null, 2)}\n`);
    return 0;
  },
};

export const remove: Verb = {
  name: 'delete',
  description: 'Delete a memory softly: its versions stay, and restore brings it back.',
  example: 'abathur memory delete user:alice:preferences coffee',
  declare: (command) => takesServer(command.argument('<namespace>').argument('<key>')),
  async run(call) {
    const [namespace, key] = call.args as [string, string];
    await (await serverOf(call)).delete(addressOf(namespace, key));
    answer(call, { namespace, key, deleted: true }, `Deleted ${namespace}/${key}; restore brings it back.\n`);
    return 0;
  },
};

export const restore: Verb = {
  name: 'restore',
  description:
    'Bring back what was deleted, superseded or archived; or give a memory the content of an earlier version.',
  example: 'abathur memory restore user:alice:preferences coffee --at-version 1',
  declare: (command) =>
    takesServer(
      command
        .argument('<namespace>')
        .argument('<key>')
        .option('--at-version <n>', 'roll back to this version, as a new one', whole(1, Number.MAX_SAFE_INTEGER)),
    ),
  async run(call) {
    const [namespace, key] = call.args as [string, string];
    const version: number | undefined = call.options['atVersion'];
    const { body } = await (
      await serverOf(call)
    ).post<Memory>(`${addressOf(namespace, key)}/restore`, version === undefined ? {} : { version });
    answer(call, body, `${namespace}/${key} is back, at version ${body.version}.\n`);
    return 0;
  },
};
