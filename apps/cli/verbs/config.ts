import { EXIT, Failure } from '../failure.js';
import { answer, type Verb } from '../verb.js';

export const config: Verb = {
  name: 'config',
  description: 'Show the settings in force and where each comes from, or all there are as a file or a page.',
  example: 'abathur config --env > environment',
  declare: (command) =>
    command
      .option('--env', 'every setting with its default, as an environment file')
      .option('--markdown', 'every setting with its default, as a page'),
  async run(call) {
    const [{ readConfig, settings }, { configurationPage, environmentFile }] = await Promise.all([
      import('#assembly'),
      import('../spell-settings.js'),
    ]);
    const { env, markdown } = call.options;
    if (env && markdown)
      throw new Failure(EXIT.usage, 'two-formats', '--env and --markdown are two formats.', 'Give one.');
    if (env || markdown) {
      process.stdout.write((env ? environmentFile : configurationPage)(settings()));
      return 0;
    }
    const inForce = readConfig(process.env);
    const found = settings().map(({ name, default: value }) => ({
      name,
      value: String(inForce[name]),
      default: value,
      set: process.env[name] !== undefined,
    }));
    const width = Math.max(...found.map(({ name }) => name.length));
    const lines = found.map(({ name, value, set }) => `${name.padEnd(width)}  ${value}${set ? '  (set)' : ''}\n`);
    answer(call, { settings: found }, lines.join(''));
    return 0;
  },
};
