import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Config, readConfig, settings } from '#assembly';
import { abathur } from '../support/cli.js';
import { temporaryDirectory } from '../support/server.js';

const read = (path: string): string => readFileSync(path, 'utf8');

/** What an environment file sets; with `examples`, what its comments would. */
function parse(text: string, examples = false): Record<string, string> {
  const line = examples ? /^#?([A-Z_]+)=(.*)$/gm : /^([A-Z_]+)=(.*)$/gm;
  return Object.fromEntries([...text.matchAll(line)].map(([, name, value]) => [name!, value!]));
}

describe('R-O8 The configuration reference', () => {
  it('is as abathur config makes it: docs/configuration.md, deploy/environment.example', async () => {
    expect((await abathur(['config', '--markdown'])).out).toBe(read('docs/configuration.md'));
    expect((await abathur(['config', '--env'])).out).toBe(read('deploy/environment.example'));
  });

  it('is what the README says in short', () => {
    const rows = [...read('README.md').matchAll(/^\| `([A-Z_]+)` \| (?:`[^`]*`|\(empty\)) \| (.+) \|$/gm)];
    const said = rows.map(([, name, meaning]) => [name, meaning]);
    expect(said).toEqual(settings().map(({ name, meaning }) => [name, meaning]));
  });

  it('has each setting with its default and what it may be', () => {
    expect(settings().map(({ name, default: value }) => [name, value])).toEqual(
      Object.entries(new Config()).map(([name, value]) => [name, String(value)]),
    );
    const by = Object.fromEntries(settings().map(({ name, allowed }) => [name, allowed]));
    expect(by).toMatchObject({
      PORT: 'a whole number from 0 to 65535',
      ABATHUR_DB_SYNCHRONOUS: 'FULL, NORMAL',
      OLLAMA_HOST: 'a URL',
    });
  });

  it('sets nothing by itself, and all of it can be set', () => {
    expect(parse(read('deploy/environment.example'))).toEqual({});
    expect(readConfig(parse(read('deploy/environment.example'), true))).toEqual(new Config());
  });

  it('the environment of a deployment can be used', () => {
    const set = parse(read('deploy/environment'));
    expect(readConfig(set)).toMatchObject({ ABATHUR_DB_PATH: '/var/lib/abathur/abathur.db' });
    expect(Object.keys(set)).not.toContain('PORT');
  });
});

describe('R-O9 abathur config', () => {
  it('tells what is in force, and what somebody has set', async () => {
    const { out } = await abathur(['config', '--json'], { PORT: '8123' });
    const { settings: found } = JSON.parse(out) as { settings: { name: string; value: string; set: boolean }[] };
    expect(found.find(({ name }) => name === 'PORT')).toMatchObject({ value: '8123', default: '8000', set: true });
    expect(found.find(({ name }) => name === 'HOST')).toMatchObject({ value: '127.0.0.1', set: false });
    expect((await abathur(['config'], { PORT: '8123' })).out).toMatch(/^PORT +8123 {2}\(set\)$/m);
  });

  it('refuses what cannot be used, and two formats at once', async () => {
    expect(await abathur(['config'], { PORT: 'http' })).toMatchObject({ code: 78, out: '' });
    expect(await abathur(['config', '--env', '--markdown'])).toMatchObject({ code: 64, out: '' });
  });

  it('needs no database', async () => {
    const nowhere = `${temporaryDirectory()}/none/abathur.db`;
    expect((await abathur(['config', '--json'], { ABATHUR_DB_PATH: nowhere })).code).toBe(0);
  });
});
