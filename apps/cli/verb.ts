import type { Command } from 'commander';

/**
 * One verb of the command line: what it is called, what it takes and how it runs. A verb's file imports what its work
 * needs inside of `run`, so that help and errors of usage come at once.
 */
export interface Verb {
  name: string;
  description: string;
  /** A line to copy, beginning with `abathur` or a setting. */
  example: string;
  /** In a group: it is what the group's word alone means. */
  isDefault?: true;
  /** Its arguments and options; `--json` is there already. */
  declare?(command: Command): void;
  /** Returns the exit code, see {@link import('./failure.js').EXIT}; throws what `report` can tell. */
  run(call: Call): number | Promise<number>;
}

/** Verbs under one word, as in `abathur documents sync`. */
export interface VerbGroup {
  name: string;
  description: string;
  verbs: Verb[];
}

/** How a verb was called. */
export interface Call {
  args: string[];
  options: Options;
  /** Print one JSON object, and no progress. */
  json: boolean;
}

// Each verb declares its options itself, and reads them by name.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Options = Record<string, any>;

/** What a verb found: for a script one JSON object, for a person lines. */
export function answer({ json }: Pick<Call, 'json'>, found: object, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(found)}\n` : text);
}
