import type { OfflineAnswer, OfflineInput } from '../audit/evidence.js';
import { EXIT } from '../failure.js';
import { takesTarget, whole } from '../options.js';
import { count, duration } from '../progress.js';
import { answer, type Verb } from '../verb.js';
import { withAuditor } from '../audit/with-auditor.js';

const checkpoint: Verb = {
  name: 'checkpoint',
  description: 'Print the signed head of the log: keep it elsewhere, and the log can be held against it later.',
  example: 'abathur audit checkpoint > 2026-11-25.checkpoint',
  declare: takesTarget,
  run: (call) =>
    withAuditor(call, async (auditor) => {
      const note = await auditor.checkpoint();
      answer(call, { checkpoint: note }, note);
      return 0;
    }),
};

const proof: Verb = {
  name: 'proof',
  description: 'Print a proof that one entry is in the log, which can be checked without us (c2sp.org/tlog-proof).',
  example: 'abathur audit proof 12 > 12.tlog-proof',
  declare: (command) =>
    takesTarget(command).argument('<position>', 'its place in the log', whole(1, Number.MAX_SAFE_INTEGER)),
  run: (call) =>
    withAuditor(call, async (auditor) => {
      const text = await auditor.proof(Number(call.args[0]));
      answer(call, { proof: text }, text);
      return 0;
    }),
};

const evidence: Verb = {
  name: 'evidence',
  description: 'Write a new directory with all that an auditor needs: entries, signed head, public keys, manifest.',
  example: 'abathur audit evidence ./evidence-2026-11',
  declare: (command) => takesTarget(command).argument('<directory>', 'where to; it is made'),
  run: (call) =>
    withAuditor(call, async (auditor) => {
      const { writeEvidence } = await import('../audit/evidence.js');
      const directory = call.args[0]!;
      const manifest = await writeEvidence(directory, auditor);
      const { origin, size } = manifest.log;
      answer(call, { directory, ...manifest }, `${count(size)} entries of ${origin} are in ${directory}.\n`);
      return 0;
    }),
};

const verifyProof: Verb = {
  name: 'verify-proof',
  description:
    'Check evidence, an export or a proof with files alone: no server, no database. Exit code 1: something does not hold.',
  example: 'abathur audit verify-proof ./evidence-2026-11 --vkey log.vkey --since 2026-10-31.checkpoint',
  declare: (command) =>
    command
      .argument('<path>', 'a directory of evidence, an export, or a .tlog-proof')
      .option('--vkey <key>', 'the public key you trust, or a file of such')
      .option('--checkpoint <file>', 'the signed head, where it is not beside the entries')
      .option('--since <file>', 'an older signed head, which this log must continue')
      .option('--events', 'tell of every entry, not only of what fails'),
  run: async (call) => {
    const { verifyOffline } = await import('../audit/evidence.js');
    const begin = performance.now();
    const events: { position: number; verdict: string }[] = [];
    const found = await verifyOffline(
      { path: call.args[0]!, ...call.options } satisfies OfflineInput,
      (position, verdict) => {
        if (call.options['events'] !== true) return;
        if (call.json) events.push({ position, verdict });
        else process.stdout.write(`${position} ${VERDICTS[verdict]}\n`);
      },
    );
    const seconds = (performance.now() - begin) / 1000;
    answer(call, { ...found, seconds, ...(call.options['events'] === true && { events }) }, told(found, seconds));
    return found.ok ? 0 : EXIT.no;
  },
};

const VERDICTS = { verified: 'verified', erased: 'verified, content erased', failed: 'FAILED' };

const keys: Verb = {
  name: 'keys',
  description: 'Show the public keys of the log, sign with a new one as well, or with an old one no more.',
  example: 'abathur audit keys --add',
  declare: (command) =>
    command
      .option('--add', 'sign with a new key as well; give its public key to the auditors')
      .option('--retire <id>', 'sign with this key no more; auditors know another one by now')
      .option(
        '--renew',
        'start a new identity, because the log does not continue what was signed; the old one is kept aside',
      ),
  run: async (call) => {
    const [{ readConfig, signingDirectory }, { LogKeys, spellVerifier }] = await Promise.all([
      import('#assembly'),
      import('#audit-log'),
    ]);
    const store = new LogKeys(signingDirectory(readConfig(process.env)));
    const { add, retire, renew } = call.options as { add?: true; retire?: string; renew?: true };
    const aside = renew === true ? store.renew() : undefined;
    if (add === true) store.add();
    if (retire !== undefined) store.retire(retire);
    store.create();
    const signing = new Set(store.signers().map(({ id }) => id));
    const listed = store
      .verifiers()
      .map((one) => ({ id: one.id, key: spellVerifier(one), signs: signing.has(one.id) }));
    answer(
      call,
      { directory: store.directory, keys: listed, ...(aside !== undefined && { aside }) },
      `${listed.map(({ key, signs }) => `${key}${signs ? '' : '  (signs no more)'}\n`).join('')}` +
        (aside === undefined ? '' : `The former identity is in ${aside}.\n`),
    );
    return 0;
  },
};

export const proving: Verb[] = [checkpoint, proof, evidence, verifyProof, keys];

function told(found: OfflineAnswer, seconds: number): string {
  const { log, pinned, entries, verified, erased, failed, failures, root_holds, continues } = found;
  return [
    `Log ${log.origin}, ${count(log.size)} entries.`,
    ...failures.map(({ position, reason }) => `${position} FAILED: ${reason}`),
    `${count(entries)} entries in ${duration(seconds)}: ${count(verified)} verified, ${count(erased)} verified with their content erased, ${count(failed)} FAILED.`,
    root_holds ? 'Their headers are what was signed.' : 'Their headers are NOT what was signed.',
    ...(continues === undefined
      ? []
      : [continues ? 'The log continues the older head.' : 'The log does NOT continue the older head.']),
    ...(pinned ? [] : ['The key came with the evidence: give the one you know with --vkey.']),
    '',
  ].join('\n');
}
