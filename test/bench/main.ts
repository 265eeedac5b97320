import { audit } from './audit.bench.js';
import { backup } from './backup.bench.js';
import { bulk } from './bulk.bench.js';
import { context } from './context.bench.js';
import { consolidation } from './consolidation.bench.js';
import { crashes } from './crashes.bench.js';
import { embedding } from './embedding.bench.js';
import { documents } from './documents.bench.js';
import { integrity } from './integrity.bench.js';
import { load } from './load.bench.js';
import { locomo } from './locomo.bench.js';
import { power } from './power.bench.js';
import { overload } from './overload.bench.js';
import { proofs } from './proofs.bench.js';
import { reads } from './reads.bench.js';
import { print, type Figure } from './report.js';
import { tamper } from './tamper.bench.js';
import { tasks } from './tasks.bench.js';
import { soak } from './soak.bench.js';
import { trust } from './trust.bench.js';
import { targets } from './targets.bench.js';
import { rebuilding } from './rebuild.bench.js';
import { vectors } from './vectors.bench.js';
import { writes } from './writes.bench.js';

/** `npm run bench [-- part …]`: each figure beside its floor or peer, measured in the same run. */
const parts: Record<string, [title: string, run: () => Promise<Figure[]>]> = {
  targets: ['Targets', targets],
  writes: ['Writes', writes],
  reads: ['Reads', reads],
  overload: ['Twice the load that it can take', overload],
  trust: ['Keys, rights and the audit of reads', trust],
  context: ['Context', context],
  bulk: ['Bulk, growth and memory', bulk],
  rebuild: ['Rebuilding', rebuilding],
  audit: ['Audit', audit],
  proofs: ['Proofs', proofs],
  backup: ['Backup and restore', backup],
  crashes: ['Crashes', crashes],
  power: ['Power cuts', power],
  integrity: ['Integrity', integrity],
  tamper: ['Tampering', tamper],
  embedding: ['Embedding beside writes', embedding],
  documents: ['Documents', documents],
  tasks: ['Claims', tasks],
  consolidation: ['Consolidation', consolidation],
  vectors: ['Vectors', vectors],
  locomo: ['Retrieval', locomo],
  load: ['Load', load],
  soak: ['Soak', soak],
};

const json = process.argv.includes('--json');
const chosen = process.argv.slice(2).filter((word) => word !== '--json');
const unknown = chosen.find((name) => !(name in parts));
if (unknown !== undefined) {
  console.error(`bench: ${unknown} is not one of ${Object.keys(parts).join(', ')}`);
  process.exit(64);
}
let missed = 0;
const measured: { title: string; figures: Figure[] }[] = [];
for (const name of chosen.length > 0 ? chosen : Object.keys(parts)) {
  const [title, run] = parts[name]!;
  const figures = await run();
  measured.push({ title, figures });
  if (!json) print(title, figures);
  missed += figures.filter(({ ok }) => !ok).length;
}
if (json) console.log(JSON.stringify({ parts: measured, missed }));
else if (missed === 0) console.log('\nAll figures are where they should be.');
else console.log(`\n${missed} figures are not where they should be.`);
process.exitCode = missed === 0 ? 0 : 1;
