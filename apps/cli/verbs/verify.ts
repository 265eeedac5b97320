import type { Verification } from '#audit-log';
import { EXIT } from '../failure.js';
import { takesTarget } from '../options.js';
import { count, duration } from '../progress.js';
import { answer, type Verb } from '../verb.js';

export const verify: Verb = {
  name: 'verify',
  description: 'Recompute the hash chain of the log. Exit code 1: it is broken.',
  example: 'abathur verify --url http://127.0.0.1:8000',
  declare: (command) =>
    takesTarget(command).option('--all', 'everything: the whole database as abathur integrity does, and every backup'),
  async run(call) {
    if (call.options['all'] === true) return (await import('../verify-all.js')).verifyAll(call);
    const [{ target }, { verifyFile }] = await Promise.all([import('../target.js'), import('../verify-file.js')]);
    const begin = performance.now();
    const of = await target(call);
    const verification =
      of.kind === 'server'
        ? (await of.rest.post<Verification>('/v1/audit/verify', {})).body
        : await verifyFile(of.path, call.json);
    const seconds = (performance.now() - begin) / 1000;
    answer(call, { ...verification, seconds }, sentence(verification, seconds));
    return verification.ok ? 0 : EXIT.no;
  },
};

function sentence({ ok, checked, head, broken_at, reason }: Verification, seconds: number): string {
  if (!ok) return `The chain is broken at ${broken_at}: ${reason}. The ${count(checked)} entries before it hold.\n`;
  return `The chain holds: ${count(checked)} entries in ${duration(seconds)}.\nHead ${head.position} ${head.entry_hash}\n`;
}
