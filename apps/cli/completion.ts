import { Command } from 'commander';
import type { Verb, VerbGroup } from './verb.js';

/** A word of the command line, what it is for, and what may follow it. */
interface Word {
  /** `memory list` */
  path: string;
  description: string;
  options: { long: string; description: string }[];
  /** Verbs under it. */
  below: { name: string; description: string }[];
}

export const SHELLS = ['bash', 'zsh', 'fish'];

/** The script for a shell; `undefined` for one that is not known. */
export function scriptFor(shell: string, verbs: (Verb | VerbGroup)[]): string | undefined {
  const words = verbs.flatMap(wordsOf);
  if (shell === 'bash') return bash(verbs, words);
  if (shell === 'zsh') return zsh(verbs, words);
  return shell === 'fish' ? fish(verbs, words) : undefined;
}

function wordsOf(verb: Verb | VerbGroup): Word[] {
  if ('run' in verb) return [wordOf(verb, verb.name)];
  const usual = verb.verbs.find(({ isDefault }) => isDefault);
  const options = usual === undefined ? [HELP] : wordOf(usual, usual.name).options;
  const below = verb.verbs.map(({ name, description }) => ({ name, description: brief(description) }));
  return [
    { path: verb.name, description: brief(verb.description), options, below },
    ...verb.verbs.map((one) => wordOf(one, `${verb.name} ${one.name}`)),
  ];
}

const HELP = { long: '--help', description: 'display help' };

function wordOf(verb: Verb, path: string): Word {
  const command = new Command(verb.name);
  verb.declare?.(command);
  const declared = command.options.flatMap(({ long, description }) => (long ? [{ long, description }] : []));
  const options = [...declared, { long: '--json', description: 'print one JSON object, and no progress' }, HELP];
  return { path, description: brief(verb.description), options, below: [] };
}

/** The first sentence. */
const brief = (description: string): string => /^.*?(?=[.:;](?: |$)|$)/.exec(description)![0];

const GLOBAL = ['--help', '--version'];
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const follows = ({ below, options }: Word): string[] => [
  ...below.map(({ name }) => name),
  ...options.map(({ long }) => long),
];

function bash(verbs: (Verb | VerbGroup)[], words: Word[]): string {
  const first = [...verbs.map(({ name }) => name), 'help', ...GLOBAL].join(' ');
  const cases = words.map((word) => `    ${quote(word.path)}) words=${quote(follows(word).join(' '))} ;;\n`).join('');
  const groups = words.filter(({ below }) => below.length > 0);
  const members = groups.flatMap(({ path, below }) => below.map(({ name }) => quote(`${path} ${name}`))).join('|');
  return `# Completion of abathur for bash: source <(abathur completion bash)
_abathur() {
  local current=\${COMP_WORDS[COMP_CWORD]} path=\${COMP_WORDS[1]} words=
  case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
    ${members}) [ "$COMP_CWORD" -gt 2 ] && path="\${COMP_WORDS[1]} \${COMP_WORDS[2]}" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && path=
  case "$path" in
    '') words=${quote(first)} ;;
${cases}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _abathur abathur
`;
}

function zsh(verbs: (Verb | VerbGroup)[], words: Word[]): string {
  const described = (name: string, description: string): string =>
    quote(`${name.replaceAll(':', '\\:')}:${description}`);
  const first = verbs.map(({ name, description }) => described(name, brief(description))).join(' ');
  const cases = words
    .map(({ path, below, options }) => {
      const list = [
        ...below.map(({ name, description }) => described(name, description)),
        ...options.map(({ long, description }) => described(long, description)),
      ];
      return `    ${quote(path)}) list=(${list.join(' ')}) ;;\n`;
    })
    .join('');
  const groups = words.filter(({ below }) => below.length > 0);
  const members = groups.flatMap(({ path, below }) => below.map(({ name }) => quote(`${path} ${name}`))).join('|');
  return `#compdef abathur
# Completion of abathur for zsh: source <(abathur completion zsh)
_abathur() {
  local path_of=$words[2]
  local -a list
  case "$words[2] $words[3]" in
    ${members}) (( CURRENT > 3 )) && path_of="$words[2] $words[3]" ;;
  esac
  (( CURRENT == 2 )) && path_of=
  case "$path_of" in
    '') list=(${first} 'help:display the help of a verb') ;;
${cases}  esac
  _describe 'abathur' list || _files
}
compdef _abathur abathur
`;
}

function fish(verbs: (Verb | VerbGroup)[], words: Word[]): string {
  const lines = verbs.map(
    ({ name, description }) =>
      `complete -c abathur -n __fish_use_subcommand -f -a ${name} -d ${quote(brief(description))}\n`,
  );
  for (const { path, below, options } of words) {
    const [group, verb] = path.split(' ');
    const names = words.find((word) => word.path === group)!.below.map(({ name }) => name);
    const seen = `__fish_seen_subcommand_from ${group}`;
    const among = names.join(' ');
    const at =
      verb !== undefined
        ? `${seen}; and __fish_seen_subcommand_from ${verb}`
        : names.length > 0
          ? `${seen}; and not __fish_seen_subcommand_from ${among}`
          : seen;
    for (const { name, description } of below)
      lines.push(`complete -c abathur -n ${quote(at)} -f -a ${name} -d ${quote(description)}\n`);
    for (const { long, description } of options)
      lines.push(`complete -c abathur -n ${quote(at)} -l ${long.slice(2)} -d ${quote(description)}\n`);
  }
  return `# Completion of abathur for fish: abathur completion fish | source\n${lines.join('')}`;
}
