import { existsSync } from 'node:fs';
import { readConfig } from '#assembly';
import { EXIT, Failure } from './failure.js';
import type { Call } from './verb.js';

/** The file that was named, or that of the settings; it must be there. See {@link import('./options.js').takesFile}. */
export function fileOf({ options }: Call): string {
  const path = (options['file'] as string | undefined) ?? readConfig(process.env).ABATHUR_DB_PATH;
  if (existsSync(path)) return path;
  const hint = 'Set ABATHUR_DB_PATH, or give --file.';
  throw new Failure(EXIT.noInput, 'no-database', `There is no database at ${path}.`, hint);
}
