import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { temporaryDirectory } from '../support/server.js';

const CLI = join(process.cwd(), 'dist/apps/cli/main.js');

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

async function abathur(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { cwd: temporaryDirectory() });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

/** The commands that a help page lists. */
const listed = (help: string): string[] =>
  [...(help.split('Commands:\n')[1]?.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(
    ([, name]) => name!,
  );

describe('R-O9 The command line', () => {
  const verbs: { words: string[]; help: string }[] = [];

  beforeAll(async () => {
    const visit = async (words: string[]): Promise<void> => {
      const { out: help, code } = await abathur(...words, '--help');
      expect({ words, code }).toEqual({ words, code: 0 });
      const below = listed(help).filter((name) => name !== 'help');
      if (below.length === 0) verbs.push({ words, help });
      else await Promise.all(below.map((name) => visit([...words, name])));
    };
    await visit([]);
  });

  it('knows verbs', () => {
    expect(verbs.map(({ words }) => words.join(' '))).toEqual(expect.arrayContaining(['serve', 'migrate', 'verify']));
  });

  it('helps with every verb, with an example of it', () => {
    const without = verbs.filter(
      ({ words, help }) => !help.includes(`abathur ${words.join(' ')}`, help.indexOf('\nExample:')),
    );
    expect(without.map(({ words }) => words)).toEqual([]);
    const silent = verbs.filter(
      ({ help }) =>
        !/^Usage: .*\n\n\S.*\.$/m.test(
          help
            .split('\n\n')
            .slice(0, 2)
            .join('\n\n')
            .replaceAll(/(\S)\n(\S)/g, '$1 $2'),
        ),
    );
    expect(silent.map(({ words }) => words)).toEqual([]);
  });

  it('prints JSON for scripts with every verb', () => {
    expect(verbs.filter(({ help }) => !help.includes('--json')).map(({ words }) => words)).toEqual([]);
  });

  it('answers a wrong option of any verb with 64, names it, and says where there is help', async () => {
    const answers = await Promise.all(
      verbs.map(async ({ words }) => ({ words, ...(await abathur(...words, '--jsn')) })),
    );
    for (const { words, code, err, out } of answers) {
      expect({ words, code, out }).toEqual({ words, code: 64, out: '' });
      expect(err).toContain(`unknown option '--jsn'\n(Did you mean --json?)\nTry abathur ${words.join(' ')} --help.`);
    }
  });

  it('helps with a verb in both ways', async () => {
    expect(await abathur('help', 'load')).toEqual(await abathur('load', '--help'));
    expect(await abathur('help')).toEqual(await abathur('--help'));
  });

  it('suggests a verb for a word that is none, also when help is asked for', async () => {
    expect(await abathur('verfy')).toEqual({
      code: 64,
      out: '',
      err: "unknown command 'verfy'\n(Did you mean verify?)\n",
    });
    expect(await abathur('help', 'verfy')).toEqual(await abathur('verfy'));
  });
});
