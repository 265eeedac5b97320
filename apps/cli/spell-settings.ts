import type { Setting } from '#assembly';

const WIDTH = 118;

/** An environment file in which every setting stands as a comment with its default. */
export function environmentFile(settings: Setting[]): string {
  const head = [
    '# Every setting of Abathur Memory, with what it is when nobody sets it. Made by: abathur config --env',
    '# systemd and containers read this format: NAME=value, no quotes, no export.',
  ];
  const blocks = settings.map(({ name, default: value, allowed, meaning }) =>
    [...wrapped(`${plain(meaning)} (${allowed})`), `#${name}=${value}`].join('\n'),
  );
  return `${[head.join('\n'), ...blocks].join('\n\n')}\n`;
}

/** A page with a table of them. */
export function configurationPage(settings: Setting[]): string {
  const rows = settings.map(
    ({ name, default: value, allowed, meaning }) =>
      `| \`${name}\` | ${value === '' ? '(empty)' : `\`${value}\``} | ${allowed} | ${meaning} |`,
  );
  return `${[
    '# Configuration',
    '',
    'From the environment; [deploy/environment.example](../deploy/environment.example) has the same as a file to begin with.',
    'A value that cannot be used stops the start with 78 and one line that names it; so does a name beginning with `ABATHUR_`',
    'that is none of these. `abathur config` shows what is in force. This page is made by `abathur config --markdown`.',
    '',
    '| Setting | Default | May be | Meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')}\n`;
}

const plain = (text: string): string => text.replaceAll('`', '');

function wrapped(text: string): string[] {
  const lines = ['#'];
  for (const word of text.split(' ')) {
    if (lines.at(-1)!.length + word.length + 1 > WIDTH) lines.push('#');
    lines[lines.length - 1] += ` ${word}`;
  }
  return lines;
}
