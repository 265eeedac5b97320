import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Commands as a page prints them, and what it says will be seen. */
export interface Block {
  /** Of the nearest heading above. */
  heading: string;
  line: number;
  commands: string;
  exit: number;
  /** Lines that come in this order, perhaps with others between them; `…` stands for anything. */
  seen: string[];
}

export const RUNBOOKS = join(process.cwd(), 'runbooks');

/** A page of `runbooks/`, for machines. */
export class Runbook {
  readonly blocks: Block[];
  private readonly waiting: Set<Block>;

  private constructor(
    readonly name: string,
    readonly text: string,
  ) {
    this.blocks = blocksOf(name, text);
    this.waiting = new Set(this.blocks);
  }

  static read(name: string, folder = RUNBOOKS): Runbook {
    return new Runbook(name, readFileSync(join(folder, `${name}.md`), 'utf8'));
  }

  /** The blocks under a heading, none of them under a smaller heading. */
  under(heading: string): Block[] {
    const found = this.blocks.filter((block) => block.heading === heading);
    if (found.length === 0) throw new Error(`${this.name} has no commands under "${heading}"`);
    return found;
  }

  /** The prose under a heading of the second level, smaller headings included. */
  section(title: string): string {
    return this.text.split(`\n## ${title}\n`)[1]?.split('\n## ')[0]?.trim() ?? '';
  }

  ran(block: Block): void {
    this.waiting.delete(block);
  }

  /** Commands that nobody has run yet. */
  get unrun(): string[] {
    return [...this.waiting].map(({ line, commands }) => `${this.name}.md:${line} ${commands.trim()}`);
  }
}

function blocksOf(name: string, text: string): Block[] {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  let heading = '';
  for (let at = 0; at < lines.length; at++) {
    heading = /^#+ (.+)$/.exec(lines[at]!)?.[1] ?? heading;
    if (!lines[at]!.startsWith('```')) continue;
    if (lines[at] !== '```sh') throw new Error(`${name}.md:${at + 1} is a block that nothing runs: ${lines[at]}`);
    const commands = bodyOf(lines, at);
    const answer = after(lines, at + commands.length + 2);
    if (lines[answer] !== '```expect') throw new Error(`${name}.md:${at + 1} does not say what is to be seen`);
    const promised = bodyOf(lines, answer);
    const exit = /^exit (\d+)$/.exec(promised[0] ?? '')?.[1];
    const seen = exit === undefined ? promised : promised.slice(1);
    blocks.push({ heading, line: at + 1, commands: commands.join('\n'), exit: Number(exit ?? 0), seen });
    at = answer + promised.length + 1;
  }
  return blocks;
}

/** The first line from there on that is not empty. */
const after = (lines: string[], from: number): number => lines.findIndex((line, at) => at >= from && line !== '');

function bodyOf(lines: string[], fence: number): string[] {
  const end = lines.indexOf('```', fence + 1);
  return lines.slice(fence + 1, end);
}

/** The first line of what a page promises that an output does not have where it should be. */
export function missingIn(output: string, seen: string[]): string | undefined {
  const lines = output.split('\n').map((line) => line.trim());
  let from = 0;
  for (const line of seen) {
    const pattern = new RegExp(`^${line.trim().split('…').map(quoted).join('.*')}$`);
    const at = lines.findIndex((candidate, index) => index >= from && pattern.test(candidate));
    if (at < 0) return line;
    from = at + 1;
  }
  return undefined;
}

const quoted = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&');
