import type { ErasureInput } from '#assembly';
import { EXIT, Failure } from '../failure.js';
import { takesTarget } from '../options.js';
import { answer, type Verb } from '../verb.js';

export const erase: Verb = {
  name: 'erase',
  description:
    'Erase everything about a user, a session or a namespace: content in the log, rows, words, vectors, answers. The log still verifies and says what was erased.',
  example: 'abathur erase --user alice --reason "Request 7" --dry-run',
  declare: (command) =>
    void takesTarget(command)
      .option('--user <id>', 'its sessions, its namespace, what it did, and what was made of any of it')
      .option('--session <id>', 'with its namespace, tasks, contexts and forks, and what was made of it')
      .option('--namespace <prefix>', 'whole segments, at least two: user:alice:travel')
      .option('--reason <text>', 'stays in the log; it must not name the subject')
      .option('--include-shared', 'also what others have a part in')
      .option('--dry-run', 'tell what would go, and change nothing')
      .option('--yes', 'do not ask'),
  async run(call) {
    const input = given(call.options as Options);
    const { dryRun = false, yes = false } = call.options as Options;
    const [{ target }, { working }, desk, { erasureText, planText }] = await Promise.all([
      import('../target.js'),
      import('../backup/work.js'),
      import('../erasure/desk.js'),
      import('../erasure/tell.js'),
    ]);
    return working(
      call.json,
      'What was ordered is erased all the same: by the server, or at its next start.',
      async (work) => {
        if (!dryRun) work.refuseUnasked(yes);
        const { plan: planOf, erase: eraseNow } = desk.deskOf(await target(call));
        const plan = await planOf(input);
        if (dryRun) {
          answer(call, { dry_run: true, plan }, planText(plan));
          return 0;
        }
        work.say(planText(plan).trimEnd());
        if (plan.entries > 0 && !(await work.confirm('Erase it? Nothing brings it back.', yes))) {
          answer(call, { erased: false }, 'Nothing was changed.\n');
          return EXIT.no;
        }
        const { erasure, repeated } = await eraseNow(input);
        answer(call, { erased: true, repeated, erasure }, erasureText(erasure, repeated));
        return 0;
      },
    );
  },
};

interface Options {
  user?: string;
  session?: string;
  namespace?: string;
  reason?: string;
  includeShared?: true;
  dryRun?: boolean;
  yes?: boolean;
}

function given({ user, session, namespace, reason, includeShared }: Options): ErasureInput {
  const named = [user, session, namespace].filter((one) => one !== undefined);
  if (named.length !== 1)
    throw new Failure(
      EXIT.usage,
      'no-subject',
      'Say whose data goes.',
      'Give one of --user, --session and --namespace.',
    );
  if (reason === undefined)
    throw new Failure(EXIT.usage, 'no-reason', 'Say why.', 'Give --reason: it stays in the log, for auditors.');
  return {
    ...(user !== undefined && { user_id: user }),
    ...(session !== undefined && { session_id: session }),
    ...(namespace !== undefined && { namespace_prefix: namespace }),
    reason,
    ...(includeShared && { include_shared: true }),
  };
}
