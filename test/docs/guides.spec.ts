import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { abathur } from '../support/cli.js';
import { startServer, type TestServer } from '../support/server.js';

const root = process.cwd();
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pagesIn = (folder: string): string[] =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.md'))
        .map((file) => join(folder, file))
    : [];
/** Pages for people, wherever they lie. */
const PAGES = ['README.md', ...['docs', 'deploy', 'runbooks', 'grafana'].flatMap(pagesIn)];
const GUIDES = pagesIn('docs');

interface Step {
  commands: string;
  kind: 'json' | 'text';
  answer: string;
}

/** Commands, and what the page promises for the last of them. */
const steps = (text: string): Step[] =>
  [...text.matchAll(/```sh\n([\s\S]*?)```\s*```(json|text)\n([\s\S]*?)```/g)].map(([, commands, kind, answer]) => ({
    commands: commands!,
    kind: kind as Step['kind'],
    answer: answer!,
  }));

/** A text in which `…` stands for anything within a line. */
const like = (text: string): RegExp =>
  new RegExp(
    `^${text
      .trimEnd()
      .split('…')
      .map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`))
      .join('.*')}`,
  );

describe('The API guide', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  const guide = read('docs/api-guide.md');

  it('promises an answer for every block of commands', () => {
    expect(steps(guide).length).toBe(guide.match(/```sh/g)!.length);
    expect(steps(guide).length).toBeGreaterThan(50);
  });

  // In order: each step stands on those before it.
  it.each(steps(guide).map((step, index) => [index + 1, step.commands.split('\n')[0]!, step] as const))(
    'step %i: %s',
    (_, __, { commands, kind, answer }) => {
      const { stdout, stderr } = spawnSync('bash', ['-c', commands.replaceAll('http://127.0.0.1:8000', server.url)], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      const seen = kind === 'json' ? (JSON.parse(stdout) as object) : { stdout, asPromised: like(answer).test(stdout) };
      expect(seen).toMatchObject(kind === 'json' ? (JSON.parse(answer) as object) : { asPromised: true });
    },
  );
});

describe.each(GUIDES)('%s', (page) => {
  it('links to what is there, and to headings that there are', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)];
    const broken = links.filter(([, file, heading]) => {
      const target = file === '' ? page : join(dirname(page), file!);
      if (!existsSync(join(root, target))) return true;
      return heading !== undefined && !headings(read(target)).includes(heading);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  it('names files that are there', () => {
    const named = [...read(page).matchAll(/`((?:apps|libs|migrations|test|deploy|grafana)\/[\w./-]*\w)`/g)];
    expect(named.map(([, path]) => path!).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('is finished: nothing in it waits to be filled in', () => {
    expect(
      read(page).match(/\b(TODO|TBD|FIXME|XXX|lorem ipsum|coming soon|to be (filled|done|written|decided))\b|_{3,}/gi),
    ).toBeNull();
  });
});

/** Headings as links name them. */
const headings = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** Every command line that a page shows: in blocks, and within sentences. */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) =>
    block!.replaceAll('\\\n', ' ').split('\n'),
  );
  const spans = [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!);
  return [...blocks, ...spans].flatMap((line) =>
    [...line.matchAll(/(?:^|[;&|(]\s*|\b[A-Z_]+=\S+ )(?:npm run (?:-s )?abathur --|abathur) ([^#|;&>)]+)/g)].map(
      ([, rest]) => rest!.trim(),
    ),
  );
}

describe('Commands that pages show', () => {
  const shown = PAGES.flatMap((page) => commandsOf(read(page)).map((command) => ({ page, command })));
  const helps = new Map<string, Promise<string>>();
  const help = (words: string[]): Promise<string> => {
    const key = words.join(' ');
    if (!helps.has(key))
      helps.set(
        key,
        abathur([...words, '--help']).then(({ out }) => out),
      );
    return helps.get(key)!;
  };
  const listed = (text: string): string[] =>
    [...(text.split('Commands:\n')[1]?.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(
      ([, name]) => name!,
    );

  /** What is wrong with a command; `undefined` when its verb and its options are known. */
  async function wrong(command: string): Promise<string | undefined> {
    const words = command.split(/\s+/);
    const path: string[] = [];
    let text = await help(path);
    while (listed(text).includes(words[path.length] ?? '')) {
      path.push(words[path.length]!);
      text = await help(path);
    }
    // `abathur help verify`, `abathur --help`: for the whole command line.
    if (path.length === 0) return /^(help|--help|--version)\b/.test(command) ? undefined : 'no such verb';
    // A word alone may mean one of its verbs, and takes what that takes.
    const texts = [
      text,
      ...(await Promise.all(
        listed(text)
          .filter((name) => name !== 'help')
          .map((name) => help([...path, name])),
      )),
    ];
    const options = words.filter((word) => word.startsWith('--')).map((word) => word.replace(/=.*|[`'"\])]+$/g, ''));
    const unknown = options.filter(
      (option) => !texts.some((known) => new RegExp(`(^|\\s)${option}(\\s|$)`, 'm').test(known)),
    );
    return unknown.length === 0 ? undefined : `no ${unknown.join(', ')}`;
  }

  it('are many', () => {
    expect(shown.length).toBeGreaterThan(60);
  });

  it('are known, with their options', async () => {
    const judged = await Promise.all(shown.map(async (one) => ({ ...one, wrong: await wrong(one.command) })));
    expect(judged.filter((one) => one.wrong !== undefined)).toEqual([]);
  });
});
