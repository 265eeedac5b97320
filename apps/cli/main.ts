import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { EXIT, report } from './failure.js';
import { Interrupt } from './interrupt.js';
import { load, tableOf } from './load/load.js';
import { Rest } from './rest.js';

const DEFAULT_URL = 'http://127.0.0.1:8000';
const MAX_CONCURRENCY = 64;

/** The command `abathur`. Commands load what they need when they run, so that help and errors come at once. */
const program = new Command('abathur')
  .description('Abathur Memory on the command line.')
  .version(version(), '-V, --version')
  .exitOverride()
  .showSuggestionAfterError()
  .configureOutput({ outputError: (text, write) => write(`${text.replace(/^error: /, '').trimEnd()}\n`) })
  .addHelpText(
    'after',
    `
Settings come from the environment; README.md lists them.
Exit codes: 0 done, 1 the answer is no, 64 usage, 65 wrong data, 66 no such file, 69 no server or database to work with,
            70 a defect here, 78 configuration, 130 stopped by Ctrl-C.

Example:
  abathur load test/fixtures/conversations.sample.json`,
  );

command('serve', 'Run the API and the background work, as npm start does.')
  .addHelpText('after', example('PORT=8001 ABATHUR_DB_PATH=/var/lib/abathur/abathur.db abathur serve'))
  .action(async () => {
    await import('../api/main.js');
  });

command('migrate', 'Bring the database file up to date, without starting anything.')
  .option('--json', 'print one JSON object')
  .addHelpText('after', example('ABATHUR_DB_PATH=./data/abathur.db abathur migrate'))
  .action(({ json = false }: { json?: boolean }) =>
    end(json, async () => {
      const { migrate } = await import('./migrate.js');
      return migrate(json);
    }),
  );

command('verify', 'Recompute the hash chain of the log: of the database file, or with --url of a running server.')
  .option('--url <url>', 'ask this server instead of reading the file', url)
  .option('--json', 'print one JSON object')
  .addHelpText('after', example(`abathur verify --url ${DEFAULT_URL}`))
  .action(({ json = false, ...options }: { json?: boolean; url?: string }) =>
    end(json, async () => {
      const { verify } = await import('./verify.js');
      const rest = options.url === undefined ? undefined : new Rest(options.url, new AbortController().signal);
      return verify(rest, json);
    }),
  );

command('load', 'Load a file of conversations through REST, read it back, compare, and verify the chain.')
  .argument('<file>', 'JSON: [{ sample_id, speakers, sessions: [{ session, date_time, turns }] }]')
  .option('--url <url>', 'server to load into', url, DEFAULT_URL)
  .option('--concurrency <n>', `requests at a time, 1 to ${MAX_CONCURRENCY}`, concurrency, 8)
  .option('--json', 'print the summary as one JSON object, and no progress')
  .addHelpText('after', example('abathur load test/fixtures/conversations.sample.json --concurrency 16'))
  .action((file: string, { json = false, ...options }: { json?: boolean; url: string; concurrency: number }) =>
    end(json, async () => {
      const interrupt = new Interrupt();
      try {
        const summary = await load(new Rest(options.url, interrupt.signal), interrupt, {
          ...options,
          file,
          quiet: json,
        });
        process.stdout.write(json ? `${JSON.stringify(summary)}\n` : tableOf(summary));
        return summary.ok ? 0 : EXIT.no;
      } catch (error) {
        interrupt.check('Run the same command again: it goes on where this one stopped, and writes nothing twice.');
        throw error;
      } finally {
        interrupt.off();
      }
    }),
  );

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode !== 0) process.exitCode = EXIT.usage;
}

function command(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .exitOverride()
    .showHelpAfterError(`Try abathur ${name} --help.`);
}

/** Runs a command to its exit code; what goes wrong is told with its hint. */
async function end(json: boolean, work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    process.exitCode = report(error, json);
  }
}

function url(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new InvalidArgumentError(`Give a URL, for instance ${DEFAULT_URL}.`);
  }
  return text;
}

function concurrency(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > MAX_CONCURRENCY)
    throw new InvalidArgumentError(`Give a whole number from 1 to ${MAX_CONCURRENCY}.`);
  return value;
}

function example(line: string): string {
  return `\nExample:\n  ${line}`;
}

function version(): string {
  // The compiled program lies in dist/apps/cli.
  const file = join(import.meta.dirname, '../../../package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
