import type { Call } from '../verb.js';
import type { Auditor } from './auditor.js';

type Telling = typeof import('./tell.js');

/** Does something with the log of the server that is up, else of the file. */
export async function withAuditor(
  call: Call,
  work: (auditor: Auditor, telling: Telling) => Promise<number>,
): Promise<number> {
  const [{ target }, telling] = await Promise.all([import('../target.js'), import('./tell.js')]);
  const of = await target(call);
  const auditor =
    of.kind === 'server'
      ? (await import('./on-server.js')).auditServer(of.rest)
      : (await import('./on-file.js')).auditFile(of.path);
  try {
    return await work(auditor, telling);
  } finally {
    auditor.close();
  }
}
