import { createReadStream, createWriteStream, existsSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { EXIT, Failure } from '../../failure.js';
import { interruptible } from '../../interrupt.js';
import { count, Progress } from '../../progress.js';
import { answer, type Verb } from '../../verb.js';
import { query, serverOf, takesServer } from './asking.js';
import { memoryType } from './memories.js';

/** Lines that are sent at once, and at most how many characters of them. */
const PAGE = 500;
const MOST_CHARACTERS = 4_000_000;

export const exportMemories: Verb = {
  name: 'export',
  description: 'Write memories as lines of JSON, all as of the moment of asking: to a file, or to standard output.',
  example: 'abathur memory export user:alice --out alice.ndjson',
  declare: (command) =>
    takesServer(
      command
        .argument('[prefix]', 'namespace or the beginning of it, in whole segments')
        .option('--type <type>', 'only semantic, episodic or procedural ones', memoryType)
        .option('--out <file>', 'file to write; it must not be there yet'),
    ),
  async run(call) {
    const { type, out } = call.options;
    const asked = query({ namespace_prefix: call.args[0], memory_type: type });
    const lines = await (await serverOf(call)).stream(`/v1/memories/export?${asked}`);
    if (out === undefined) {
      for await (const chunk of lines) process.stdout.write(chunk);
      return 0;
    }
    let written = 0;
    const counted = async function* (): AsyncIterable<Uint8Array> {
      for await (const chunk of lines) {
        for (const byte of chunk) if (byte === 10) written += 1;
        yield chunk;
      }
    };
    await pipeline(counted, createWriteStream(out, { flags: 'wx' })).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST')
        throw new Failure(EXIT.data, 'file-exists', `${out} is there already.`, 'Name another file, or remove it.');
      throw error.code === 'ENOENT'
        ? new Failure(EXIT.noInput, 'no-directory', `There is no directory for ${out}.`)
        : error;
    });
    answer(call, { file: out, memories: written }, `${count(written)} memories in ${out}.\n`);
    return 0;
  },
};

export const importMemories: Verb = {
  name: 'import',
  description: 'Write memories from lines of JSON as export makes them. Running it again writes nothing twice.',
  example: 'abathur memory import alice.ndjson',
  declare: (command) => takesServer(command.argument('<file>', 'one memory a line')),
  async run(call) {
    const file = call.args[0]!;
    if (!existsSync(file) || !statSync(file).isFile())
      throw new Failure(EXIT.noInput, 'no-file', `There is no file ${file}.`);
    const rest = await serverOf(call);
    const hint = 'Run the same command again: it goes on where this one stopped, and writes nothing twice.';
    return interruptible(hint, async (interrupt) => {
      const total = { imported: 0, written: 0, unchanged: 0 };
      const progress = new Progress('Importing', statSync(file).size, process.stderr, call.json);
      let before = 0;
      for await (const page of pages(file)) {
        interrupt.check(hint);
        const { body } = await rest
          .postText<typeof total>('/v1/memories/import', page.join(''))
          .catch((error: unknown) => {
            throw inFile(error, before);
          });
        before += page.length;
        for (const field of ['imported', 'written', 'unchanged'] as const) total[field] += body[field];
        progress.add(page.reduce((bytes, line) => bytes + Buffer.byteLength(line), 0));
      }
      if (!call.json) progress.end();
      answer(
        call,
        total,
        `${count(total.imported)} memories: ${count(total.written)} written, ${count(total.unchanged)} as they were.\n`,
      );
      return 0;
    });
  },
};

/** A server counts the lines that it was sent; whoever has to mend one counts those of the file. */
function inFile(error: unknown, before: number): unknown {
  if (!(error instanceof Failure)) return error;
  const message = error.message.replace(/line (\d+)/, (_, number: string) => `line ${before + Number(number)}`);
  return new Failure(error.exit, error.code, message, error.hint);
}

async function* pages(file: string): AsyncIterable<string[]> {
  let page: string[] = [];
  let characters = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    page.push(`${line}\n`);
    characters += line.length;
    if (page.length < PAGE && characters < MOST_CHARACTERS) continue;
    yield page;
    page = [];
    characters = 0;
  }
  if (page.length > 0) yield page;
}
