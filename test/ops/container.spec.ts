import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, temporaryDirectory } from '../support/server.js';
import { until } from '../support/until.js';

const FILE = readFileSync('deploy/Containerfile', 'utf8');
/** Instructions with their continued lines, comments left out. */
const INSTRUCTIONS = FILE.replace(/^#.*\n/gm, '')
  .replace(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as [string, string]);

const STAGES = INSTRUCTIONS.reduce<[string, string][][]>((stages, instruction) => {
  if (instruction[0] === 'FROM') stages.push([]);
  stages.at(-1)!.push(instruction);
  return stages;
}, []);
const [build, run] = STAGES as [[string, string][], [string, string][]];

const all = (stage: [string, string][], name: string): string[] =>
  stage.filter(([instruction]) => instruction === name).map(([, rest]) => rest);
const one = (stage: [string, string][], name: string): string => {
  const [found, ...more] = all(stage, name);
  if (found === undefined || more.length > 0) throw new Error(`There should be one ${name}`);
  return found;
};

/** A start on a busy machine. */
const STARTING = { seconds: 180 };

interface Copy {
  from: string | undefined;
  sources: string[];
  target: string;
}

const copies = (stage: [string, string][]): Copy[] =>
  all(stage, 'COPY').map((rest) => {
    const words = rest.split(' ');
    const from = words[0]!.startsWith('--from=') ? words.shift()!.slice('--from='.length) : undefined;
    return { from, sources: words.slice(0, -1), target: words.at(-1)! };
  });

describe('R-O8 The Containerfile', () => {
  it('has two stages on the same base, of the exact Node that the tests run on', () => {
    const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      devDependencies: { node: string };
    };
    const bases = STAGES.map((stage) => one(stage, 'FROM').split(' ')[0]);
    expect(bases).toEqual(
      Array.from({ length: 2 }, () => `docker.io/library/node:${devDependencies.node}-bookworm-slim`),
    );
  });

  it('copies what there is, and lets the build see it', () => {
    const ignored = readFileSync('deploy/Containerfile.dockerignore', 'utf8').split('\n');
    expect(ignored).toContain('*');
    const named = [...copies(build), ...copies(run)]
      .filter(({ from }) => from === undefined)
      .flatMap(({ sources }) => sources);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
    expect(named.filter((path) => !ignored.includes(`!${path.split('/')[0]}`))).toEqual([]);
  });

  it('runs as nobody in particular, who owns the data alone', () => {
    expect(one(run, 'USER')).toMatch(/^[1-9]\d{3,}:[1-9]\d{3,}$/);
    expect(run.findIndex(([name]) => name === 'USER')).toBeGreaterThan(run.findLastIndex(([name]) => name === 'RUN'));
    expect(all(run, 'RUN').join()).toContain(`chown ${one(run, 'USER')} ${one(run, 'VOLUME')} `);
    expect(FILE).not.toMatch(/--chown|chmod (-R )?0?777|sudo|ADD /);
  });

  it('takes packages from the lock alone, and runs none of their scripts', () => {
    const installs = all(build, 'RUN')
      .join('\n')
      .match(/npm \w+[^&\n]*/g)!;
    expect(installs.map((command) => command.split(' ')[1])).toEqual(['ci', 'prune']);
    for (const command of installs) expect(command).toContain('--ignore-scripts');
    expect(all(run, 'RUN').join()).not.toMatch(/npm|apt|curl|wget/);
  });

  it('is stopped by the signal that drains', () => {
    expect(one(run, 'STOPSIGNAL')).toBe('SIGTERM');
    expect(JSON.parse(one(run, 'ENTRYPOINT'))[0]).toBe('node');
  });

  describe('its steps, performed on a copy', () => {
    const context = temporaryDirectory();
    const root = temporaryDirectory();
    const data = temporaryDirectory();
    let server: ChildProcess;
    let port: number;
    let environment: NodeJS.ProcessEnv;

    beforeAll(async () => {
      for (const { sources, target } of copies(build))
        for (const source of sources)
          cpSync(source, join(context, target === './' ? source : target), { recursive: true });
      // In place of `npm ci`: the packages that are here.
      symlinkSync(join(process.cwd(), 'node_modules'), join(context, 'node_modules'));
      const command = /node (\S+nest\.js build)/.exec(all(build, 'RUN').join('\n'))![1]!.split(' ');
      const built = spawnSync(process.execPath, command, { cwd: context, encoding: 'utf8' });
      if (built.status !== 0) throw new Error(built.stdout + built.stderr);
      for (const { from, sources, target } of copies(run)) {
        const source = from === undefined ? sources[0]! : join(context, sources[0]!.replace('/build/', ''));
        if (target === 'node_modules') copyPackages(join(root, target));
        else cpSync(source, join(root, target), { recursive: true });
      }
      port = await freePort();
      const set = Object.fromEntries(
        [...one(run, 'ENV').matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [
          name,
          value!.replace(one(run, 'VOLUME'), data),
        ]),
      );
      environment = { PATH: process.env['PATH'], ...set, PORT: String(port), ABATHUR_BALLAST_MB: '0' };
      // It is reached by others, so it starts once there is somebody whom it may ask for a key.
      const key = ['apps/cli/abathur.mjs', 'keys', 'create', '--role', 'operator', '--json'];
      const made = spawnSync(process.execPath, key, { cwd: root, env: environment, encoding: 'utf8' });
      if (made.status !== 0) throw new Error(made.stderr);
      const [, ...flags] = JSON.parse(one(run, 'ENTRYPOINT')) as string[];
      const program = JSON.parse(one(run, 'CMD')) as string[];
      server = spawn(process.execPath, [...flags, ...program], { cwd: root, env: environment, stdio: 'ignore' });
      await until(
        'the server is there',
        async () => {
          if (server.exitCode !== null) throw new Error(`It ended with ${server.exitCode}`);
          return (await fetch(`http://127.0.0.1:${port}/health/live`).catch(() => undefined))?.ok;
        },
        STARTING,
      );
    }, 600_000);
    afterAll(() => {
      server.kill('SIGKILL');
    });

    it('make a program that answers, without a package that only builds', async () => {
      const { status } = await fetch(`http://127.0.0.1:${port}/health/ready`);
      expect(status).toBe(200);
      expect(existsSync(join(root, 'node_modules/typescript'))).toBe(false);
    });

    it('whose health check says so', () => {
      const [, command] = /CMD (\[.*\])/.exec(one(run, 'HEALTHCHECK'))!;
      const [, ...words] = JSON.parse(command!) as string[];
      const checked = spawnSync(process.execPath, [...words, '--url', `http://127.0.0.1:${port}`], {
        cwd: root,
        env: environment,
      });
      expect(checked.status).toBe(0);
    });

    it('and that ends with 0 when it is stopped, after which the check says no', async () => {
      const exited = once(server, 'exit');
      server.kill(one(run, 'STOPSIGNAL') as NodeJS.Signals);
      expect((await exited)[0]).toBe(0);
      const [, command] = /CMD (\[.*\])/.exec(one(run, 'HEALTHCHECK'))!;
      const [, ...words] = JSON.parse(command!) as string[];
      const checked = spawnSync(process.execPath, [...words, '--url', `http://127.0.0.1:${port}`], {
        cwd: root,
        env: environment,
      });
      expect(checked.status).toBe(1);
    });
  });
});

/** What `npm prune --omit=dev` leaves: the packages of the lock that are there for more than building. */
function copyPackages(target: string): void {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { dev?: true; optional?: true; devOptional?: true }>;
  };
  for (const [path, { dev, devOptional }] of Object.entries(packages)) {
    if (path === '' || dev || devOptional || !existsSync(path)) continue;
    const to = join(dirname(target), path);
    mkdirSync(dirname(to), { recursive: true });
    // A package's own node_modules are entries of their own.
    cpSync(path, to, {
      recursive: true,
      filter: (file) => file === path || !file.slice(path.length).includes('/node_modules'),
    });
  }
}
