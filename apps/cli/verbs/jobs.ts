import { InvalidArgumentError, type Command } from 'commander';
import type { JobView } from '#jobs';
import type { Operation } from '#operations';
import { EXIT, Failure } from '../failure.js';
import { interruptible } from '../interrupt.js';
import { url } from '../options.js';
import type { Rest } from '../rest.js';
import { answer, type Call, type Verb, type VerbGroup } from '../verb.js';

const takesUrl = (command: Command): Command => command.option('--url <url>', 'ask this server', url);

const list: Verb = {
  name: 'list',
  description: 'What is done again and again: when it runs next, and how it went last.',
  example: 'abathur jobs list',
  declare: takesUrl,
  async run(call) {
    const { body: jobs } = await (await server(call)).get<JobView[]>('/v1/admin/jobs');
    answer(call, { jobs }, jobs.map(sentence).join(''));
    return 0;
  },
};

const run: Verb = {
  name: 'run',
  description: 'Run a job now, and wait for its end. Exit code 1: it failed.',
  example: 'abathur jobs run expire-memories --dry-run',
  declare: (command) =>
    takesUrl(command.argument('<name>', 'the job')).option('--dry-run', 'tell what would be done, and do nothing'),
  async run(call) {
    const { follow } = await import('../follow.js');
    const [name] = call.args as [string];
    return interruptible('The server goes on with it; abathur jobs list shows how it ends.', async (interrupt) => {
      const operation = await follow(await server(call, interrupt.signal), interrupt, {
        path: `/v1/admin/jobs/${encodeURIComponent(name)}/run`,
        body: { dry_run: call.options['dryRun'] === true },
        title: name,
        quiet: call.json,
      });
      answer(call, operation, ending(name, operation));
      return operation.status === 'succeeded' ? 0 : EXIT.no;
    });
  },
};

const set: Verb = {
  name: 'set',
  description: 'Give a job another schedule, or switch it on or off.',
  example: 'abathur jobs set expire-memories --schedule "30 4 * * *"',
  declare: (command) =>
    takesUrl(command.argument('<name>', 'the job'))
      .option('--schedule <cron>', 'five cron fields, in UTC')
      .option('--enabled <on|off>', 'whether it runs by its schedule', onOrOff),
  async run(call) {
    const { schedule, enabled } = call.options as { schedule?: string; enabled?: boolean };
    if (schedule === undefined && enabled === undefined)
      throw new Failure(EXIT.usage, 'nothing-to-set', 'Nothing is said to be set.', 'Give --schedule or --enabled.');
    const [name] = call.args as [string];
    const rest = await server(call);
    const { body } = await rest.put<JobView>(`/v1/admin/jobs/${encodeURIComponent(name)}`, { schedule, enabled });
    answer(call, body, sentence(body));
    return 0;
  },
};

export const jobs: VerbGroup = {
  name: 'jobs',
  description: 'What is done again and again: look at it, run it, change when it runs.',
  verbs: [list, run, set],
};

/** Jobs run in a server or a worker, so there must be one. */
async function server(call: Call, signal?: AbortSignal): Promise<Rest> {
  const { serverFor } = await import('../target.js');
  return serverFor(call, 'Jobs are run by a server, and none has this database open.', signal);
}

function sentence({ name, description, schedule, enabled, next_run_at, last_run }: JobView): string {
  const next = enabled ? `next ${next_run_at}` : 'switched off';
  const last = last_run === null ? 'never run' : `last ${last_run.started_at} ${last_run.status}`;
  return `${name}  ${schedule}  ${next}  ${last}\n  ${description}\n`;
}

function ending(name: string, { status, result, error }: Operation): string {
  if (status !== 'succeeded') return `${name} has ${status}: ${error ?? 'its worker is gone'}\n`;
  return `${name} has succeeded.\n${JSON.stringify(result, null, 2)}\n`;
}

function onOrOff(text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw new InvalidArgumentError('Give on or off.');
}
