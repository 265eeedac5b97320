import { EXIT, Failure } from '../failure.js';
import { answer, type Verb, type VerbGroup } from '../verb.js';

/** What a shell has to know to complete words: made from the verbs themselves, so that it is never behind them. */
export const completion = (verbs: () => (Verb | VerbGroup)[]): Verb => ({
  name: 'completion',
  description: 'Print a script with which bash, zsh or fish completes verbs and options.',
  example: 'source <(abathur completion bash)',
  declare: (command) => command.argument('<shell>', 'bash, zsh or fish'),
  async run(call) {
    const { scriptFor, SHELLS } = await import('../completion.js');
    const shell = call.args[0]!;
    const script = scriptFor(shell, verbs());
    if (script === undefined) {
      throw new Failure(EXIT.usage, 'unknown-shell', `${shell} is none of ${SHELLS.join(', ')}.`, 'Name one of them.');
    }
    answer(call, { shell, script }, script);
    return 0;
  },
});
