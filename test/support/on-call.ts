import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { dirname, join } from 'node:path';
import { CLI } from './cli.js';
import { missingIn, Runbook, type Block } from './runbook.js';
import { freePort, startServer, temporaryDirectory, type TestServer } from './server.js';
import { until } from './until.js';

/** What stands in for a service that is not ours, when `systemctl` or another program is called for it. */
export type StandIn = (words: string[]) => Promise<void> | void;

export interface Duty {
  page: string;
  environment?: Record<string, string>;
  /** Where the database is; made where nothing is said. */
  directory?: string;
  /** By the name of the service, for instance `ollama`. */
  services?: Record<string, StandIn>;
  /** Other programs that the page calls, by their name. */
  programs?: Record<string, StandIn>;
}

/**
 * Somebody on call, with a page before them and the product running: `abathur` is the built command line, `systemctl` and
 * `journalctl` stand in for those of a deployment and do the same to the program that runs here.
 */
export class OnCall {
  readonly page: Runbook;
  readonly directory: string;
  readonly path: string;
  readonly environment: Record<string, string>;
  readonly settings: string;
  private running: TestServer | undefined;
  private journal = '';
  private readonly tools: string;
  private desk!: Server;

  private constructor(private readonly duty: Duty) {
    this.page = Runbook.read(duty.page);
    this.directory = duty.directory ?? temporaryDirectory();
    this.path = join(this.directory, 'abathur.db');
    this.settings = join(this.directory, 'abathur.env');
    this.tools = temporaryDirectory();
    this.environment = {
      ABATHUR_DB_PATH: this.path,
      ABATHUR_BACKUP_DIR: join(this.directory, 'backups'),
      ABATHUR_DB_SYNCHRONOUS: 'NORMAL',
      ABATHUR_BALLAST_MB: '0',
      ...duty.environment,
    };
  }

  static async begin(duty: Duty): Promise<OnCall> {
    const onCall = new OnCall(duty);
    await onCall.open();
    await onCall.start();
    return onCall;
  }

  get server(): TestServer {
    if (this.running === undefined) throw new Error('The server is not running');
    return this.running;
  }

  /** Whether the server was ended behind our back. */
  private get dead(): boolean {
    const child = this.running?.process;
    return child !== undefined && (child.exitCode !== null || child.signalCode !== null);
  }

  /** Everything that servers have printed so far. */
  get printed(): string {
    return this.journal + (this.running?.output() ?? '');
  }

  async start(): Promise<void> {
    if (this.running !== undefined && !this.dead) return;
    if (this.dead) await this.stop();
    this.running = await startServer({ ABATHUR_LOG_LEVEL: 'info', ...this.environment, ...this.set() }, this.directory);
    this.environment['PORT'] = String(this.running.port);
  }

  /** Puts settings into the file of them, and restarts. */
  async configure(settings: Record<string, string>): Promise<void> {
    for (const [name, value] of Object.entries(settings)) appendFileSync(this.settings, `${name}=${value}\n`);
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    if (!this.dead) await this.running?.stop();
    this.journal = this.printed;
    this.running = undefined;
  }

  /** Ends what runs, however the spec went. */
  async end(): Promise<void> {
    if (!this.dead) await this.running?.kill();
    this.desk.closeAllConnections();
    this.desk.close();
    await once(this.desk, 'close');
  }

  /** Runs the commands under a heading, and holds what is seen against what the page says. Returns the output. */
  async follow(heading: string, variables: Record<string, string> = {}, times: 1 | 2 = 1): Promise<string> {
    let output = '';
    for (const block of this.page.under(heading)) {
      for (let time = 0; time < times; time++) output += await this.runBlock(block, variables);
    }
    return output;
  }

  /** The value of a metric; with labels as `name{check="chain"}`. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.server.url}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
    return Number(line?.split(' ').at(-1));
  }

  /** What `GET /health` says of a part. */
  async health(part: string): Promise<{ status: string; reason?: string; details: Record<string, unknown> }> {
    const body = (await (await fetch(`${this.server.url}/health`)).json()) as { parts: Record<string, never> };
    return body.parts[part]!;
  }

  /** Waits until a log line with this event was written. */
  async logged(event: string): Promise<void> {
    await until(`the log line ${event}`, () => this.printed.includes(`"event":"${event}"`));
  }

  private async runBlock(block: Block, variables: Record<string, string>): Promise<string> {
    // Not exported: programs do not see them, as when somebody sets them in a shell.
    const set = { ABATHUR_URL: this.running?.url ?? '', SETTINGS: this.settings, ...variables };
    const assignments = Object.entries(set).map(([name, value]) => `${name}='${value}'\n`);
    const { code, output } = await this.shell(assignments.join('') + block.commands);
    this.page.ran(block);
    const missing = code === block.exit ? missingIn(output, block.seen) : `exit ${block.exit}`;
    if (missing !== undefined) {
      const where = `${this.page.name}.md:${block.line}`;
      throw new Error(`${where} promises "${missing}" of\n${block.commands}\nbut it ended with ${code}:\n${output}`);
    }
    return output;
  }

  private async shell(script: string): Promise<{ code: number | null; output: string }> {
    const child = spawn('bash', ['-c', script], {
      env: { ...process.env, ...this.environment, ...this.set(), PATH: `${this.tools}:${process.env['PATH']}` },
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, output };
  }

  /** What the file of settings says, as systemd reads it. */
  private set(): Record<string, string> {
    if (!existsSync(this.settings)) return {};
    const lines = readFileSync(this.settings, 'utf8')
      .split('\n')
      .filter((line) => line.includes('='));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  private async open(): Promise<void> {
    mkdirSync(dirname(this.settings), { recursive: true });
    appendFileSync(this.settings, '');
    const port = await freePort();
    this.desk = createServer((request, response) => {
      const [program, ...words] = request.url!.slice(1).split('/').map(decodeURIComponent) as [string, ...string[]];
      this.serve(program, words).then(
        (text) => response.end(text),
        (error: Error) => response.writeHead(500).end(`${error.message}\n`),
      );
    });
    this.desk.listen(port, '127.0.0.1');
    await once(this.desk, 'listening');
    this.tool('abathur', `exec '${process.execPath}' --no-warnings '${CLI}' "$@"`);
    for (const name of ['systemctl', 'journalctl', ...Object.keys(this.duty.programs ?? {})]) {
      // The words are joined by slashes: none of them has one.
      const ask = `exec curl -sS --globoff --fail-with-body "http://127.0.0.1:${port}/${name}/$(IFS=/; echo "$*")"`;
      this.tool(name, ask);
    }
  }

  private tool(name: string, script: string): void {
    const file = join(this.tools, name);
    writeFileSync(file, `#!/bin/bash\n${script}\n`);
    chmodSync(file, 0o755);
  }

  private async serve(program: string, words: string[]): Promise<string> {
    if (program === 'journalctl') return this.printed;
    if (program !== 'systemctl') {
      await this.duty.programs![program]!(words);
      return '';
    }
    const [verb, ...units] = words as [string, ...string[]];
    for (const unit of units) await this.turn(verb, unit);
    return '';
  }

  private async turn(verb: string, unit: string): Promise<void> {
    const standIn = this.duty.services?.[unit];
    if (standIn !== undefined) return standIn([verb]);
    // The workers' part is done by the same program here.
    if (unit === 'abathur-workers') return;
    if (!unit.startsWith('abathur-api')) throw new Error(`Unit ${unit} not found.`);
    if (verb === 'stop' || verb === 'restart') await this.stop();
    if (verb === 'start' || verb === 'restart') await this.start();
  }
}
