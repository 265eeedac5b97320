// One temporary directory for a whole run, which goes when the run ends, however its specs have ended.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Before the run: whoever asks for a temporary directory from now on, gets one in here. */
export default function setup() {
  const directory = mkdtempSync(join(tmpdir(), 'abathur-run-'));
  process.env.TMPDIR = directory;
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
}
