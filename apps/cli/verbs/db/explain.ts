import type { Asked, Database, Sql } from '#storage';
import { EXIT, Failure } from '../../failure.js';
import { takesFile } from '../../options.js';
import { answer, type Verb } from '../../verb.js';

export const explain: Verb = {
  name: 'explain',
  description:
    'Ask a question of the program and show each statement with its plan (EXPLAIN QUERY PLAN) and its time. Exit code 1: a table is read from end to end.',
  example: `abathur db explain memories.page '{"namespace_prefix": "user:alice"}'`,
  declare: (command) =>
    void takesFile(command)
      .argument('[read]', 'as the log line slow-read names it; without it, all names are listed')
      .argument('[input]', 'what it is asked with, as JSON', '{}'),
  async run(call) {
    const [{ fileOf }, { reads }, { openToRead }, storage] = await Promise.all([
      import('../../database-file.js'),
      import('#assembly'),
      import('../../target.js'),
      import('#storage'),
    ]);
    const [name, input] = call.args as [string | undefined, string];
    const names = [...reads.keys()].toSorted();
    if (name === undefined) {
      answer(call, { reads: names }, `${names.join('\n')}\n`);
      return 0;
    }
    const read = reads.get(name);
    if (read === undefined)
      throw new Failure(EXIT.no, 'read-not-found', `There is no read ${name}.`, `Reads are ${names.join(', ')}.`);
    const path = fileOf(call);
    const database = openToRead(path);
    try {
      const asked: Asked[] = [];
      const given = inputOf(input);
      run(() => read.run(storage.recordingReader(database, asked), given), name);
      const statements = asked.map((each) => explained(database, each, storage));
      const scanned = statements.some(({ scans }) => scans.length > 0);
      answer(call, { file: path, read: name, scanned, statements }, statements.map(textOf).join('\n'));
      return scanned ? EXIT.no : 0;
    } finally {
      database.close();
    }
  },
};

function inputOf(text: string): object {
  try {
    // What most questions need and nobody at a terminal wants to say.
    return { limit: 20, now: new Date().toISOString(), ...(JSON.parse(text) as object) };
  } catch {
    throw new Failure(
      EXIT.usage,
      'no-json',
      `The input is not JSON: ${text}`,
      'For instance {"namespace_prefix": "app"}.',
    );
  }
}

function run(ask: () => unknown, name: string): void {
  try {
    ask();
  } catch (error) {
    const { message } = error as Error;
    // That something is not there is an answer, and its plan is what is wanted.
    if ((error as { kind?: string }).kind === 'not-found') return;
    throw new Failure(
      EXIT.data,
      'input-refused',
      `${name} cannot be asked with this: ${message}`,
      'Give its input as JSON.',
    );
  }
}

interface Explained {
  sql: string;
  milliseconds: number;
  plan: string[];
  scans: string[];
}

function explained(
  database: Database,
  { statement, milliseconds }: Asked,
  { queryPlan, fullScans }: typeof import('#storage'),
): Explained {
  const plan = planned(statement) ? queryPlan(database, statement) : [];
  const text = statement.text.replaceAll(/\s+/g, ' ').trim();
  return { sql: text, milliseconds: Math.round(milliseconds * 1000) / 1000, plan, scans: fullScans(plan) };
}

const planned = ({ text }: Sql): boolean => /^\s*(WITH|SELECT)\b/i.test(text);

function textOf({ sql, milliseconds, plan, scans }: Explained): string {
  const short = sql.length > 160 ? `${sql.slice(0, 100)} … ${sql.slice(-57)}` : sql;
  const steps = plan.map((step) => `  ${step}${scans.includes(step) ? '   ← reads the whole table' : ''}\n`);
  return `${short}\n${steps.join('')}  ${milliseconds} ms\n`;
}
