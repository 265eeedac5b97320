import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { missingIn, Runbook, type Block } from '../support/runbook.js';
import { freePort, temporaryDirectory } from '../support/server.js';
import { until } from '../support/until.js';

const PAGE = Runbook.read('training', 'docs');

/** One terminal, in which everything is done, as the page says: what one exercise has set, the next one has. */
class Terminal {
  readonly directory = temporaryDirectory();
  private readonly shell: ChildProcess;
  private printed = '';

  constructor() {
    // A checkout, as far as the page looks at it; everything is built already.
    for (const part of ['node_modules', 'dist']) symlinkSync(join(process.cwd(), part), join(this.directory, part));
    const programs = join(this.directory, 'programs');
    mkdirSync(programs);
    writeFileSync(join(programs, 'npm'), '#!/bin/bash\n[ "$*" = "run build" ]\n');
    chmodSync(join(programs, 'npm'), 0o755);
    this.shell = spawn('bash', {
      cwd: this.directory,
      env: { ...process.env, PATH: `${programs}:${process.env['PATH']}`, ABATHUR_DB_SYNCHRONOUS: 'NORMAL' },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, which is ended with whatever is in it.
      detached: true,
    });
    for (const stream of [this.shell.stdout!, this.shell.stderr!])
      stream.on('data', (chunk: Buffer) => (this.printed += chunk.toString()));
  }

  /** Runs commands to their end; what they end with, and what is seen meanwhile. */
  async run(commands: string): Promise<{ exit: number; output: string }> {
    this.printed = '';
    this.shell.stdin!.write(`${commands}\nprintf '\\n%s %s\\n' 'that is all:' $?\n`);
    const [text, exit] = await until('the end of the commands', () => /\nthat is all: (\d+)\n/.exec(this.printed), {
      seconds: 280,
      instead: () => this.printed,
    });
    return { exit: Number(exit), output: this.printed.replace(text, '\n') };
  }

  async end(): Promise<void> {
    const closed = once(this.shell, 'close');
    process.kill(-this.shell.pid!, 'SIGKILL');
    await closed;
  }
}

describe('The training', () => {
  let terminal: Terminal;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    terminal = new Terminal();
  });
  afterAll(() => terminal.end());

  /** As printed, on a port that is free; what takes minutes for people to watch takes seconds here. */
  const asRun = (text: string): string =>
    text.replaceAll('8009', String(port)).replaceAll('--for 3m', '--for 15s').replaceAll('--for 1m', '--for 3s');

  const steps = PAGE.blocks.map((block) => [block.heading, block.line, block] as const);

  // In order: each step stands on those before it.
  it.each(steps)(
    '%s, line %i',
    async (_heading: string, _line: number, block: Block) => {
      const { exit, output } = await terminal.run(asRun(block.commands));
      expect({ exit, output }).toMatchObject({ exit: block.exit });
      const missing = missingIn(output, block.seen.map(asRun));
      expect({ missing, output: missing === undefined ? '' : output }).toEqual({ missing: undefined, output: '' });
    },
    300_000,
  );

  it('leaves nothing behind', () => {
    expect(existsSync(join(terminal.directory, 'training'))).toBe(false);
  });
});
