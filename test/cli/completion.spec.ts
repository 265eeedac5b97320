import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { abathur, CLI } from '../support/cli.js';

describe('R-O9 Completion', () => {
  let bash: string;
  beforeAll(async () => {
    bash = (await abathur(['completion', 'bash'])).out;
  });

  /** What bash offers after these words, of which the last one is not finished. */
  const offered = (...words: string[]): string[] => {
    const script = `${bash}
COMP_WORDS=(abathur "$@"); COMP_CWORD=$#; _abathur; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, status, stderr } = spawnSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout.split('\n').filter((word) => word !== '');
  };

  it.each([
    [['ver'], ['verify']],
    [['--ver'], ['--version']],
    [['memory', 'li'], ['list']],
    [
      ['documents', ''],
      ['sync', 'list', '--help'],
    ],
    [['memory', 'list', '--include-d'], ['--include-deleted']],
    [
      ['restore', '--to-'],
      ['--to-position', '--to-time'],
    ],
    [['restore', 'latest', '--y'], ['--yes']],
    // What the word alone means has its options after the word alone.
    [['backup', '--o'], ['--out']],
    [['nothing', ''], []],
  ])('of %j is %j', (words, expected) => {
    expect(offered(...words)).toEqual(expected);
  });

  it('knows every verb of the help, in every shell', async () => {
    const help = (await abathur(['--help'])).out.split('Commands:\n')[1]!.split('\n\n')[0]!;
    const verbs = [...help.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name!);
    expect(verbs.length).toBeGreaterThan(15);
    expect(offered('')).toEqual(expect.arrayContaining(verbs));
    const [zsh, fish] = await Promise.all(
      ['zsh', 'fish'].map(async (name) => (await abathur(['completion', name])).out),
    );
    for (const verb of verbs.filter((name) => name !== 'help')) {
      expect(zsh).toContain(`'${verb}:`);
      expect(fish).toContain(`-n __fish_use_subcommand -f -a ${verb} -d '`);
    }
    // Quotes in descriptions end no string.
    for (const script of [zsh!, fish!]) expect(script.replaceAll(String.raw`\'`, '').split("'").length % 2).toBe(1);
  });

  it('of another shell is refused', async () => {
    const { code, err } = await abathur(['completion', 'tcsh']);
    expect({ code, err }).toEqual({ code: 64, err: 'tcsh is none of bash, zsh, fish.\n  Name one of them.\n' });
  });
});

describe('R-O9 The command line among other programs', () => {
  it.each([
    ['audit --help', 'head -1', 1],
    ['completion fish', 'head -1', 1],
    ['completion bash', 'true', 0],
  ])('ends without a word when nobody reads on: abathur %s | %s', (words, reader, lines) => {
    const script = `'${process.execPath}' '${CLI}' ${words} | ${reader}`;
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect({ status, stderr, lines: stdout.split('\n').length - 1 }).toEqual({ status: 0, stderr: '', lines });
  });

  it('colours nothing, so that NO_COLOR has nothing to do', async () => {
    const colours = (await abathur(['--help'], { FORCE_COLOR: '1' })).out;
    expect(colours).not.toContain('\u001B');
    expect((await abathur(['--help'], { NO_COLOR: '1' })).out).toBe(colours);
  });
});
