import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where package.json and the migrations are, whether this runs from source or from `dist`. */
export const PROJECT_ROOT = rootAbove(import.meta.dirname);

export const VERSION = (JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as { version: string })
  .version;

function rootAbove(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) return directory;
  return rootAbove(dirname(directory));
}
