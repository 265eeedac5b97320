import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { EXIT } from '../failure.js';
import type { Verb } from '../verb.js';

export const bench: Verb = {
  name: 'bench',
  description:
    'Measure this program on this machine, on files of its own: each figure beside its floor or peer. Exit code 1: a figure is not where it should be.',
  example: 'abathur bench reads writes',
  declare: (command) => command.argument('[part...]', 'only these parts; abathur bench help names them'),
  async run({ args, json }) {
    const script = fileURLToPath(new URL('../../../test/bench/main.js', import.meta.url));
    // A process of its own, as npm run bench has it: what is measured is not to share memory with who measures.
    const child = spawn(process.execPath, ['--max-semi-space-size=4', script, ...args, ...(json ? ['--json'] : [])], {
      stdio: 'inherit',
    });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, pass);
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    for (const one of ['SIGINT', 'SIGTERM'] as const) process.off(one, pass);
    return signal === null ? (code ?? EXIT.software) : EXIT.interrupted;
  },
};
