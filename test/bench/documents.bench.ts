import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mb, ms, per, type Figure } from './report.js';
import { quantile, send, startVariant, timings, type Running } from './running.js';

const FILES = 10_000;
const WORDS = `event log memory session vector index search document chunk heading watch folder harvest orchard cellar
  barn river letter engine signal window garden mirror copper silver granite meadow lantern`.split(/\s+/);

/** Ten thousand Markdown files in a hundred directories: indexed, compared again, watched while nothing happens, found. */
export async function documents(): Promise<Figure[]> {
  const root = mkdtempSync(join(tmpdir(), 'abathur-documents-'));
  const folder = join(root, 'docs');
  for (let n = 0; n < FILES; n++) write(folder, n);
  try {
    return await measured(folder);
  } finally {
    rmSync(root, { recursive: true });
  }
}

async function measured(folder: string): Promise<Figure[]> {
  const quiet = await startVariant('full');
  await sleep(2000);
  const alone = await load(quiet, 15_000);
  await quiet.stop();
  const server = await startVariant('full', { ABATHUR_DOCUMENT_DIRS: folder, ABATHUR_DOCUMENT_DEBOUNCE_MS: '100' });
  const begin = performance.now();
  await until(async () => (await synced(server)).done === FILES, 'indexed');
  const indexed = (performance.now() - begin) / 1000;
  await until(async () => {
    const { backlog, lag } = (await send(`${server.url}/v1/search/status`, 'GET')) as { backlog: number; lag: number };
    return backlog === 0 && lag === 0;
  }, 'embedded');
  const embedded = (performance.now() - begin) / 1000;
  const compareBegin = performance.now();
  const before = await synced(server);
  const compared = (performance.now() - compareBegin) / 1000;
  await sleep(2000);
  const idle = await load(server, 20_000);
  const searches = await timings(100, (n) =>
    send(`${server.url}/v1/documents/search`, 'POST', {
      query: `${WORDS[n % WORDS.length]} number ${n * 97}`,
      limit: 10,
    }),
  );
  writeFileSync(join(folder, 'd0/0.md'), '# Rewritten\n');
  const changeBegin = performance.now();
  await until(async () => (await titles(server, 'docs/d0/0.md')).includes('Rewritten'), 'followed');
  const followed = performance.now() - changeBegin;
  const { anonymous } = server.peak();
  await server.stop();
  return [
    { what: 'files indexed', measured: per(FILES / indexed), target: '≥ 100/s', ok: FILES / indexed >= 100 },
    {
      what: 'files indexed and embedded',
      measured: per(FILES / embedded),
      target: '≥ 100/s',
      ok: FILES / embedded >= 100,
    },
    {
      what: 'files compared, unchanged',
      measured: per(FILES / compared),
      target: '≥ 1,000/s',
      ok: before.unchanged === FILES && FILES / compared >= 1000,
    },
    {
      what: 'idle with 10,000 files watched, beyond a server that watches none',
      measured: `${(idle - alone).toFixed(2)} % of a core`,
      target: `≤ 1 %; ${idle.toFixed(2)} % and ${alone.toFixed(2)} %`,
      ok: idle - alone <= 1,
    },
    {
      what: 'a change until it is indexed',
      measured: ms(followed),
      target: '≤ 1,000 ms with 100 ms of quiet',
      ok: followed <= 1000,
    },
    {
      what: 'search, slowest of 20',
      measured: ms(quantile(searches, 0.95)),
      target: '≤ 200 ms',
      ok: quantile(searches, 0.95) <= 200,
    },
    { what: 'memory meanwhile', measured: mb(anonymous), target: '≤ 1,024 MB', ok: anonymous <= 1024 * 1024 * 1024 },
  ];
}

function write(folder: string, n: number): void {
  const directory = join(folder, `d${n % 100}`);
  mkdirSync(directory, { recursive: true });
  const section = (k: number): string =>
    `## Section ${k}\n\n${Array.from({ length: 120 }, (_, w) => WORDS[(n * 7 + k * 13 + w * w) % WORDS.length]).join(' ')} ${n * 31 + k}\n`;
  writeFileSync(join(directory, `${n}.md`), `# Document ${n}\n\n${section(1)}\n${section(2)}\n`);
}

/** Has everything compared, and waits for it. */
async function synced({ url }: Running): Promise<{ done: number; unchanged: number }> {
  const { id } = (await send(`${url}/v1/documents/sync`, 'POST', {})) as { id: string };
  for (;;) {
    const { status, result } = (await send(`${url}/v1/operations/${id}`, 'GET')) as {
      status: string;
      result: { created: number; unchanged: number };
    };
    if (status === 'failed') throw new Error('The sync failed');
    if (status === 'succeeded') return { done: result.created + result.unchanged, unchanged: result.unchanged };
    await sleep(50);
  }
}

/** How much of a core the process takes over so many milliseconds, in percent. */
async function load({ process: child }: Running, over: number): Promise<number> {
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const before = ticks();
  await sleep(over);
  return ((ticks() - before) * 10 * 100) / over;
}

async function titles({ url }: Running, path: string): Promise<string[]> {
  const { items } = (await send(`${url}/v1/documents?path_prefix=${path}`, 'GET')) as { items: { title: string }[] };
  return items.map(({ title }) => title);
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let looked = 0; looked < 6000; looked++) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error(`The documents are not ${what}`);
}
