import { EXIT, Failure } from '../failure.js';
import type { Interrupt } from '../interrupt.js';
import { access } from './access.js';
import { benchmarks } from './benchmarks.js';
import { type Finding, type SmokeCase, type SmokeCategory } from './case.js';
import { Mismatch, Skipped } from './mismatch.js';
import { cleanUp, type Leftovers } from './clean-up.js';
import { connectivity } from './connectivity.js';
import { core } from './core.js';
import { errors } from './errors.js';
import { history } from './history.js';
import { NowLine } from './now-line.js';
import { operations } from './operations.js';
import { safety } from './safety.js';
import { workflows } from './workflows.js';
import { World } from './world.js';

/** The five categories that were promised, with their 35 cases by name; then ours. */
export const CATEGORIES: SmokeCategory[] = [
  connectivity,
  core,
  benchmarks,
  workflows,
  errors,
  safety,
  history,
  operations,
  access,
];

export interface CaseResult extends Finding {
  category: string;
  name: string;
  result: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped. */
  reason?: string;
  seconds: number;
}

export interface SmokeReport {
  ok: boolean;
  url: string;
  run: string;
  version: string;
  started_at: string;
  seconds: number;
  passed: number;
  failed: number;
  skipped: number;
  cases: CaseResult[];
  left: Leftovers;
}

export interface SmokeOptions {
  url: string;
  key?: string;
  only?: RegExp;
  /** How many times their limits the measured cases may take. */
  allowance: number;
  quiet: boolean;
}

/** Runs the cases one after the other, and takes away what they made, also after Ctrl-C. */
export async function smoke(options: SmokeOptions, interrupt: Interrupt): Promise<SmokeReport> {
  const chosen = choose(options.only);
  const world = new World(options.url, options.key, options.allowance, interrupt.signal);
  const version = await greet(world);
  const started_at = new Date().toISOString();
  const begin = performance.now();
  const line = new NowLine(chosen.length, options.quiet);
  const cases: CaseResult[] = [];
  let left: Leftovers;
  try {
    for (const one of chosen) {
      if (interrupt.requested) break;
      line.show(cases.length, `${one.category}: ${one.smokeCase.name}`);
      cases.push(await runCase(world, one));
    }
  } finally {
    line.show(cases.length, 'taking away what was made');
    left = await cleanUp(world);
    line.end();
  }
  interrupt.check('What the run had made so far was taken away.');
  const count = (result: CaseResult['result']): number => cases.filter((one) => one.result === result).length;
  const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')];
  const seconds = (performance.now() - begin) / 1000;
  const ok = failed === 0 && passed > 0 && left.things.length === 0;
  return { ok, url: world.url, run: world.name, version, started_at, seconds, passed, failed, skipped, cases, left };
}

interface Chosen {
  category: string;
  smokeCase: SmokeCase;
}

function choose(only: RegExp | undefined): Chosen[] {
  const all = CATEGORIES.flatMap(({ name, cases }) => cases.map((smokeCase) => ({ category: name, smokeCase })));
  const chosen = all.filter(({ category, smokeCase }) => only?.test(`${category}: ${smokeCase.name}`) ?? true);
  if (chosen.length > 0) return chosen;
  throw new Failure(EXIT.usage, 'no-such-case', `No case matches ${only}.`, 'Cases are matched as "Category: name".');
}

/** Makes sure that it is one of ours and lets us in; returns its version. */
async function greet(world: World): Promise<string> {
  const { body } = await world.get('/openapi.json');
  if (body?.info?.title !== 'Abathur Memory') {
    throw new Failure(
      EXIT.unavailable,
      'another-server',
      `What answers at ${world.url} is not Abathur Memory.`,
      'Say where it is with --url.',
    );
  }
  const { status } = await world.get('/v1/audit/head');
  if (status === 401 || status === 403) {
    throw new Failure(
      EXIT.data,
      'no-right',
      `The deployment does not let this ${world.key === undefined ? 'caller without a key' : 'key'} do everything (${status}).`,
      'Give the key of an operator with --key.',
    );
  }
  return body.info.version;
}

async function runCase(world: World, { category, smokeCase }: Chosen): Promise<CaseResult> {
  const begin = performance.now();
  const told = (result: CaseResult['result'], more: object = {}): CaseResult => ({
    category,
    name: smokeCase.name,
    result,
    ...more,
    seconds: (performance.now() - begin) / 1000,
  });
  try {
    return told('passed', (await smokeCase.run(world)) ?? {});
  } catch (error) {
    if (error instanceof Skipped) return told('skipped', { reason: error.message });
    if (error instanceof Mismatch || error instanceof Failure) return told('failed', { reason: error.message });
    // An answer that lacks what the case went on to look at.
    if (error instanceof TypeError)
      return told('failed', { reason: `The answer is not as described: ${error.message}` });
    throw error;
  }
}
