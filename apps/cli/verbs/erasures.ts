import type { Certificate, Erasure } from '#assembly';
import { EXIT, Failure } from '../failure.js';
import { takesTarget } from '../options.js';
import { answer, type Call, type Verb, type VerbGroup } from '../verb.js';

const list: Verb = {
  name: 'list',
  isDefault: true,
  description: 'What was erased, when, by whom and why, the newest first.',
  example: 'abathur erasures list',
  declare: takesTarget,
  async run(call) {
    const { erasuresText } = await import('../erasure/tell.js');
    const erasures = await erasuresOf(call);
    answer(call, { erasures }, erasuresText(erasures));
    return 0;
  },
};

const certificate: Verb = {
  name: 'certificate',
  description: 'Print what was erased and where, with proofs, signed with the key of the log. From a running server.',
  example: 'abathur erasures certificate 0f8fad5b-d9cb-469f-a165-70867728950e > erasure.note',
  declare: (command) => takesTarget(command).argument('<erasure>', 'its id'),
  async run(call) {
    const { target } = await import('../target.js');
    const of = await target(call);
    if (of.kind === 'file') {
      throw new Failure(
        EXIT.usage,
        'needs-server',
        'Certificates are signed by a running server.',
        'Start it, and say where it is with --url.',
      );
    }
    const path = `/v1/admin/erasures/${encodeURIComponent(call.args[0]!)}/certificate`;
    const { body } = await of.rest.get<{ certificate: Certificate; note: string }>(path);
    answer(call, body, body.note);
    return 0;
  },
};

/** The command `abathur erasures`. */
export const erasures: VerbGroup = {
  name: 'erasures',
  description: 'What was erased, and the certificates of it.',
  verbs: [list, certificate],
};

async function erasuresOf(call: Call): Promise<Erasure[]> {
  const { openToRead, target } = await import('../target.js');
  const of = await target(call);
  const found: Erasure[] = [];
  if (of.kind === 'server') {
    for await (const page of of.rest.list<Erasure>('/v1/admin/erasures?limit=1000')) found.push(...page);
    return found;
  }
  const { erasuresPage } = await import('#assembly');
  const db = openToRead(of.path);
  try {
    let cursor: string | undefined;
    do {
      const page = erasuresPage.run(db, { limit: 1000, cursor });
      found.push(...page.items);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    return found;
  } finally {
    db.close();
  }
}
