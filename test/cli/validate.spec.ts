import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { abathur } from '../support/cli.js';
import { freePort, startServer, temporaryDirectory, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

interface Look {
  at: string;
  samples: { ready: boolean; measures: unknown; reasons: string[] }[];
}

const json = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

const looksIn = (out: string): Look[] => {
  const file = join(out, 'samples.ndjson');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(1, -1);
  return lines.map((line) => JSON.parse(line) as Look);
};

/** Looks that got metrics: on a busy machine one may go without. */
const measuredIn = (out: string): number => looksIn(out).filter(({ samples }) => samples[0]!.measures !== null).length;

async function write(server: TestServer, times: number): Promise<void> {
  for (let index = 0; index < times; index++) {
    const answer = await fetch(`${server.url}/v1/memories/user:ann:notes/k${index}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ value: { index, at: Date.now() } }),
    });
    expect(answer.ok).toBe(true);
  }
}

describe('R-O7 abathur validate', () => {
  it('watches over a restart, stops at Ctrl-C with a report of what it saw, and makes it again from its record', async () => {
    const directory = temporaryDirectory();
    const out = join(directory, 'watch');
    let server = await startServer({}, directory);
    const port = String(server.port);
    const { code, out: told } = await abathur(
      ['validate', '--url', server.url, '--for', '2h', '--every', '1', '--out', out, '--json'],
      {},
      async (child) => {
        await until('a first look', () => measuredIn(out) >= 1);
        await write(server, 20);
        const before = measuredIn(out);
        // The first of them may have begun before the last write.
        await until('two more looks', () => measuredIn(out) >= before + 2);
        await server.stop();
        await until('a look that finds nobody', () =>
          looksIn(out).at(-1)?.samples[0]?.reasons.includes('ECONNREFUSED'),
        );
        server = await startServer({ PORT: port }, directory);
        await write(server, 10);
        const after = measuredIn(out);
        await until('two looks at the new one', () => measuredIn(out) >= after + 2);
        child.kill('SIGINT');
      },
    );
    await server.stop();
    expect(code).toBe(1);
    const report = json(join(out, 'report.json'));
    expect(JSON.parse(told)).toEqual(report);
    expect(report).toMatchObject({
      verdict: 'NO-GO',
      interrupted: true,
      full_length: false,
      tally: { restarts: 1, versions: ['0.1.0'] },
    });
    const { outages } = report['tally'] as { outages: { reasons: string[] }[] };
    expect(outages.flatMap(({ reasons }) => reasons)).toContain('ECONNREFUSED');
    // All that were written: before the end of the first process, and by the second from its beginning.
    const { counters } = report['tally'] as { counters: Record<string, number> };
    expect(counters['requests']).toBe(30);
    const text = readFileSync(join(out, 'report.md'), 'utf8');
    expect(text).toContain('> Stopped before its end');
    expect(text).toContain('> This window is shorter than the 48 h');
    const pictures = [...text.matchAll(/\]\((\w+\.svg)\)/g)].map(([, file]) => file!);
    expect(pictures.length).toBeGreaterThan(5);
    expect(readdirSync(out)).toEqual(expect.arrayContaining(pictures));

    // A watch that was killed in the middle of a line is a record as well.
    appendFileSync(join(out, 'samples.ndjson'), '{"at": "2026-');
    const again = await abathur([
      'validate',
      '--from',
      join(out, 'samples.ndjson'),
      '--out',
      join(directory, 'again'),
      '--json',
    ]);
    expect(again.code).toBe(1);
    expect(JSON.parse(again.out)).toEqual(report);
  }, 240_000);

  it('does not write over the record of another watch, and says when nobody is there', async () => {
    const out = temporaryDirectory();
    appendFileSync(join(out, 'samples.ndjson'), '{}\n');
    const url = `http://127.0.0.1:${await freePort()}`;
    const taken = await abathur(['validate', '--url', url, '--for', '1s', '--out', out]);
    expect(taken).toMatchObject({ code: 64, err: expect.stringContaining('is the record of another watch') as string });
    const nobody = await abathur(['validate', '--url', url, '--for', '1s', '--out', join(out, 'new')]);
    expect(nobody).toMatchObject({ code: 69, err: expect.stringContaining('No server answers at') as string });
    expect(readdirSync(out)).toEqual(['samples.ndjson']);
    const broken = await abathur(['validate', '--from', join(out, 'samples.ndjson'), '--out', join(out, 'new')]);
    expect(broken).toMatchObject({ code: 65, err: expect.stringContaining('is no record of a watch') as string });
  });

  it.each(['5', '0s', '31d', 'soon'])('does not take %s for a time', async (time) => {
    const { code, err } = await abathur(['validate', '--for', time]);
    expect({ code, err }).toEqual({ code: 64, err: expect.stringContaining('Give a time with its unit') as string });
  });
});
