import { Command, CommanderError } from 'commander';
import { EXIT, report } from './failure.js';
import { completion } from './verbs/completion.js';
import { version } from './version.js';
import type { Verb, VerbGroup } from './verb.js';

const HELP = `
Verbs work through the running server where there is one, else on the file; they say which.
Settings come from the environment; README.md lists them.
Exit codes: 0 done, 1 the answer is no, 64 usage, 65 wrong data, 66 no such file,
            69 no server or database to work with, 70 a defect here,
            78 configuration, 130 stopped by Ctrl-C.

Example:
  abathur load test/fixtures/conversations.sample.json
  abathur backup`;

/** Runs the command line that these verbs make, and sets the exit code. */
export async function shell(verbs: (Verb | VerbGroup)[], args: string[]): Promise<void> {
  endQuietlyWithTheReader();
  const program = new Command('abathur')
    .description('Abathur Memory on the command line.')
    .version(version(), '-V, --version')
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(`${text.replace(/^error: /, '').trimEnd()}\n`) })
    .addHelpText('after', HELP);
  const all: (Verb | VerbGroup)[] = [...verbs, completion(() => all)];
  for (const verb of all) {
    if ('run' in verb) add(program, verb, []);
    else addGroup(program, verb);
  }
  addHelp(program);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) process.exitCode = EXIT.usage;
  }
}

/** `abathur help documents sync`; of a word that is no verb, what the word alone would have been told. */
function addHelp(program: Command): void {
  program
    .helpCommand(false)
    .command('help [verb...]')
    .description('Display the help of a verb.')
    .action(async (words: string[]) => {
      const known = words.length === 0 || program.commands.some((command) => command.name() === words[0]);
      await program.parseAsync(known ? [...words, '--help'] : words, { from: 'user' });
    });
}

function addGroup(program: Command, { name, description, verbs }: VerbGroup): void {
  const group = program
    .command(name)
    .description(description)
    .exitOverride()
    .showHelpAfterError(`Try abathur ${name} --help.`);
  for (const verb of verbs) add(group, verb, [name]);
  group.addHelpText('after', `\nExample:\n  ${verbs[0]!.example}`);
}

function add(parent: Command, verb: Verb, path: string[]): void {
  const called = ['abathur', ...path, verb.name].join(' ');
  const command = parent
    .command(verb.name, { isDefault: verb.isDefault === true })
    .description(verb.description)
    .exitOverride()
    .showHelpAfterError(`Try ${called} --help.`)
    .addHelpText('after', `\nExample:\n  ${verb.example}`);
  verb.declare?.(command);
  command.option('--json', 'print one JSON object, and no progress');
  command.action(async () => {
    const { json = false, ...options } = command.opts<{ json?: boolean }>();
    try {
      process.exitCode = await verb.run({ args: command.args, options, json });
    } catch (error) {
      process.exitCode = report(error, json);
    }
  });
}

/** `abathur … | head` ends when head has seen enough, without a word, as programs do that the signal ends. */
function endQuietlyWithTheReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(EXIT.unread);
    });
  }
}
