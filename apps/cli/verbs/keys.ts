import { InvalidArgumentError, type Command } from 'commander';
import type { ApiKey, CreatedKey, NewKey, Right, Role } from '#access';
import type { Page } from '#kernel';
import { EXIT, Failure } from '../failure.js';
import { moment, url } from '../options.js';
import { answer, type Call, type Verb, type VerbGroup } from '../verb.js';

const takesPlace = (command: Command): Command =>
  command
    .option('--url <url>', 'ask this server, with the key in ABATHUR_API_KEY', url)
    .option('--file <path>', 'the database file; else that of ABATHUR_DB_PATH');

const create: Verb = {
  name: 'create',
  description: 'Make a key. It is shown this once.',
  example: 'abathur keys create --role agent --name barista --app cafe --user alice --project menu:read',
  declare: (command) =>
    takesPlace(command)
      .option('--role <role>', 'agent, service, auditor or operator', role)
      .option('--name <name>', 'what people call it; else its role')
      .option('--app <app>', 'the app that an agent or service belongs to')
      .option('--user <user>', 'a user for whom it acts; several for a service', collected, [])
      .option('--project <project:right>', 'a project in which it acts, with read or write', project, {})
      .option('--expires <time>', 'when it ends, or never; else in 90 days', end),
  async run(call) {
    if (call.options['role'] === undefined)
      throw new Failure(EXIT.usage, 'no-role', 'Nobody said what the key is for.', `Give --role ${ROLES.join(', ')}.`);
    const { role: as, name = as, app, user: users, project: projects, expires: expires_at } = call.options;
    const asked = {
      role: as as Role,
      name: name as string,
      app: app as string | undefined,
      users,
      projects,
      expires_at,
    };
    const made = await place(call).create(asked as NewKey);
    answer(call, made, shown(made));
    return 0;
  },
};

const list: Verb = {
  name: 'list',
  isDefault: true,
  description: 'The keys, the newest first; never their secrets.',
  example: 'abathur keys list',
  declare: takesPlace,
  async run(call) {
    const keys = await place(call).list();
    answer(call, { keys }, keys.length === 0 ? 'There is no key.\n' : keys.map(sentence).join(''));
    return 0;
  },
};

const rotate: Verb = {
  name: 'rotate',
  description: 'Make a new key for the same, and let the old one end a day later.',
  example: 'abathur keys rotate 3fk2m9qa',
  declare: (command) => takesPlace(command.argument('<id>', 'the id of the old one')),
  async run(call) {
    const made = await place(call).rotate(call.args[0]!);
    answer(call, made, shown(made));
    return 0;
  },
};

const revoke: Verb = {
  name: 'revoke',
  description: 'Let a key open nothing from now on.',
  example: 'abathur keys revoke 3fk2m9qa',
  declare: (command) => takesPlace(command.argument('<id>', 'its id')),
  async run(call) {
    const [id] = call.args as [string];
    await place(call).revoke(id);
    answer(call, { id, status: 'revoked' }, `Key ${id} is revoked.\n`);
    return 0;
  },
};

export const keys: VerbGroup = {
  name: 'keys',
  description: 'Who may come in: make keys, list, rotate and revoke them.',
  verbs: [create, list, rotate, revoke],
};

interface Keys {
  create(asked: NewKey): Promise<CreatedKey>;
  list(): Promise<ApiKey[]>;
  rotate(id: string): Promise<CreatedKey>;
  revoke(id: string): Promise<unknown>;
}

/** A server that was named, else the file: whoever may write the file needs no key. */
function place({ options }: Call): Keys {
  const { url: named, file } = options as { url?: string; file?: string };
  return named === undefined ? onFile(file) : throughServer(named);
}

function onFile(file: string | undefined): Keys {
  const here = async <T>(
    work: (keys: import('#access').ApiKeys, by: import('#kernel').Caller) => Promise<T>,
  ): Promise<T> => {
    const { systemCaller } = await import('#assembly');
    const { withKeys } = await import('../keys/on-file.js');
    return withKeys(file, (held) => work(held, systemCaller()));
  };
  return {
    create: (asked) => here(async (held, by) => (await held.create(by, asked)).value),
    list: () => here(async (held, by) => held.list(by, { limit: MOST }).items),
    rotate: (id) => here(async (held, by) => (await held.rotate(by, id)).value),
    revoke: (id) => here((held, by) => held.revoke(by, id)),
  };
}

const MOST = 1000;
const PATH = '/v1/admin/keys';

function throughServer(at: string): Keys {
  const rest = async () => new (await import('../rest.js')).Rest(at, new AbortController().signal);
  return {
    create: async ({ expires_at, ...asked }) =>
      (await (await rest()).post<CreatedKey>(PATH, { ...asked, ...ending(expires_at) })).body,
    list: async () => (await (await rest()).get<Page<ApiKey>>(`${PATH}?limit=${MOST}`)).body.items,
    rotate: async (id) => (await (await rest()).post<CreatedKey>(`${PATH}/${encodeURIComponent(id)}/rotate`)).body,
    revoke: async (id) => (await rest()).delete(`${PATH}/${encodeURIComponent(id)}`),
  };
}

const ending = (at: string | null | undefined): { expires_at?: string } =>
  at === undefined ? {} : { expires_at: at ?? 'never' };

const shown = ({ key, ...made }: CreatedKey): string =>
  `${key}\n${sentence(made)}Keep it now: it is not shown again. Send it as Authorization: Bearer <key>.\n`;

function sentence({ id, name, role: as, status, app, users, projects, expires_at, last_used_at }: ApiKey): string {
  const bound =
    app === null ? '' : `  app ${app}  users ${users.join(', ') || 'none'}  projects ${spelled(projects) || 'none'}`;
  const ends = expires_at === null ? 'never ends' : `until ${expires_at}`;
  const used = last_used_at === null ? 'not used yet' : `used ${last_used_at.slice(0, 16)}Z`;
  return `${id}  ${as}  ${status}  ${name}${bound}  ${ends}  ${used}\n`;
}

const spelled = (projects: Record<string, Right>): string =>
  Object.entries(projects)
    .map(([name, right]) => `${name}:${right}`)
    .join(', ');

const ROLES = ['agent', 'service', 'auditor', 'operator'];

function role(text: string): string {
  if (ROLES.includes(text)) return text;
  throw new InvalidArgumentError(`Give one of ${ROLES.join(', ')}.`);
}

const collected = (text: string, before: string[]): string[] => [...before, text];

function project(text: string, before: Record<string, Right>): Record<string, Right> {
  const [, name, right] = /^(.+):(read|write)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('Give a project and a right, for instance menu:read.');
  return { ...before, [name]: right as Right };
}

const end = (text: string): string | null => (text === 'never' ? null : moment(text));
