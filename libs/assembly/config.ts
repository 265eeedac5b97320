import 'reflect-metadata';
import { IsIn, IsInt, IsNotEmpty, IsUrl, Matches, Max, Min, validateSync } from 'class-validator';
import { isLoopback } from '#access';
import { foldersOf } from '#documents';
import { LOG_LEVELS, type LogLevel } from '#telemetry';

/** Everything that can be set, by the name of its environment variable, with its default. */
export class Config {
  @IsInt() @Min(0) @Max(65535) PORT = 8000;
  @IsNotEmpty() HOST = '127.0.0.1';

  @IsNotEmpty() ABATHUR_DB_PATH = './data/abathur.db';
  @IsIn(['FULL', 'NORMAL']) ABATHUR_DB_SYNCHRONOUS: 'FULL' | 'NORMAL' = 'FULL';
  @IsInt() @Min(1) @Max(64) ABATHUR_DB_POOL_MIN = 5;
  @IsInt() @Min(1) @Max(64) ABATHUR_DB_POOL_MAX = 20;
  @IsInt() @Min(1) @Max(600_000) ABATHUR_DB_POOL_TIMEOUT_MS = 30_000;

  /** Pages in the write-ahead log from which on a commit folds it back into the file. */
  @IsInt() @Min(1) @Max(1_000_000) ABATHUR_DB_WAL_AUTOCHECKPOINT = 1000;
  /** Reads that take longer are told in the log; 0: none are. */
  @IsInt() @Min(0) @Max(600_000) ABATHUR_SLOW_READ_MS = 100;

  @IsIn(LOG_LEVELS) ABATHUR_LOG_LEVEL: LogLevel = 'info';
  /** Whether this process also does the background work; `off` where `abathur-workers` runs beside it. */
  @IsIn(['on', 'off']) ABATHUR_BACKGROUND: 'on' | 'off' = 'on';
  /** Port on 127.0.0.1 at which the workers serve their metrics; 0 for none. */
  @IsInt() @Min(0) @Max(65535) ABATHUR_WORKER_PORT = 0;
  /** Days after its termination when a session is archived. */
  @IsInt() @Min(0) @Max(3650) ABATHUR_ARCHIVE_AFTER_DAYS = 30;
  /** Who makes memories of sessions that have ended: rules, a model on OLLAMA_HOST, or nobody. */
  @IsIn(['rules', 'llm', 'off']) ABATHUR_EXTRACTION: 'rules' | 'llm' | 'off' = 'rules';
  /** Days until an episodic memory fades whose writer says nothing of it. */
  @IsInt() @Min(30) @Max(90) ABATHUR_EPISODIC_TTL_DAYS = 90;
  /** How long a request may take to finish once the process was asked to stop. */
  @IsInt() @Min(0) @Max(600_000) ABATHUR_DRAIN_TIMEOUT_MS = 30_000;
  /** How long requests are still taken once readiness says no: the time that a load balancer needs to see it. */
  @IsInt() @Min(0) @Max(600_000) ABATHUR_DRAIN_DELAY_MS = 0;
  /** How long a request may take to arrive, headers and body. */
  @IsInt() @Min(100) @Max(600_000) ABATHUR_REQUEST_TIMEOUT_MS = 30_000;

  /** Whether clients are asked for a key; by default where others reach HOST, and in production. */
  @IsIn(['keys', 'off']) ABATHUR_AUTH: 'keys' | 'off' = 'off';
  /** Requests a minute for each key; 0: as many as it likes. */
  @IsInt() @Min(0) @Max(1_000_000) ABATHUR_RATE_LIMIT = 6_000;
  /** The key that the command line shows to a server. */
  @Matches(/^$|^abk_/, { message: 'must be a key, which begins with abk_' }) ABATHUR_API_KEY = '';
  /** `production` has keys asked for on a loopback address, too. */
  @Matches(/^[\w-]*$/, { message: 'must be a word' }) NODE_ENV = '';
  /** Whether who reads memories is recorded in the log, too. */
  @IsIn(['on', 'off']) ABATHUR_AUDIT_READS: 'on' | 'off' = 'off';
  @IsIn(['local', 'ollama']) ABATHUR_EMBEDDINGS: 'local' | 'ollama' = 'local';
  @IsNotEmpty() ABATHUR_EMBEDDING_MODEL = 'nomic-embed-text';
  @IsUrl({ require_tld: false, require_protocol: true }) OLLAMA_HOST = 'http://127.0.0.1:11434';
  /** Model that settles conflicts and writes summaries where that is asked for, and how long it may take. */
  @IsNotEmpty() ABATHUR_CHAT_MODEL = 'llama3.2';
  @IsInt() @Min(100) @Max(600_000) ABATHUR_CHAT_TIMEOUT_MS = 30_000;
  /** Directories whose Markdown files are indexed and watched, comma-separated. */
  ABATHUR_DOCUMENT_DIRS = '';
  /** Quiet time after the last change of a file before it is indexed. */
  @IsInt() @Min(1) @Max(600_000) ABATHUR_DOCUMENT_DEBOUNCE_MS = 5_000;
  /** Where the keys are that sign the log's heads; empty: beside the database file, as `<name>-signing`. */
  @Matches(/^$|^[./]/, { message: 'must be a path that begins with / or .' }) ABATHUR_SIGNING_DIR = '';
  /** How often a head is signed that has grown, in seconds; 0: only when asked for. */
  @IsInt() @Min(0) @Max(86_400) ABATHUR_SIGN_EVERY_SECONDS = 10;
  @IsNotEmpty() ABATHUR_BACKUP_DIR = './data/backups';
  /** Days after which a backup is removed; the newest good one stays. */
  @IsInt() @Min(1) @Max(36_500) ABATHUR_BACKUP_KEEP_DAYS = 30;
  /** Megabytes of the file beside the database that is given up when the disk is full; 0 for none. */
  @IsInt() @Min(0) @Max(1_048_576) ABATHUR_BALLAST_MB = 64;
}

/** A setting that cannot be used: one line that names the variable, what it got and what it may be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads the environment; the first setting that cannot be used stops the program. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const config = new Config();
  config.ABATHUR_AUTH = defaultAuth(environment, config);
  const names = Object.keys(config) as (keyof Config)[];
  const unknown = Object.keys(environment).find(
    (name) => name.startsWith('ABATHUR_') && !names.includes(name as keyof Config),
  );
  if (unknown !== undefined) throw new ConfigError(`${unknown} is not a setting; settings are ${names.join(', ')}.`);
  for (const name of names) {
    const text = environment[name];
    if (text === undefined) continue;
    const value = typeof config[name] === 'number' ? wholeNumber(text) : text;
    Object.assign(config, { [name]: value });
  }
  const [wrong] = validateSync(config, { stopAtFirstError: false });
  if (wrong !== undefined) {
    const rules = Object.values(wrong.constraints ?? {}).map((rule) => rule.replace(`${wrong.property} `, ''));
    throw new ConfigError(
      `${wrong.property} is "${String(environment[wrong.property])}", but it ${rules.join(' and ')}.`,
    );
  }
  if (config.ABATHUR_AUTH === 'off' && !isLoopback(config.HOST)) {
    throw new ConfigError(
      `ABATHUR_AUTH is "off", but others reach HOST ${config.HOST}: set ABATHUR_AUTH=keys and make a key with abathur keys create --role operator, or listen on 127.0.0.1.`,
    );
  }
  if (config.ABATHUR_DB_POOL_MIN > config.ABATHUR_DB_POOL_MAX) {
    throw new ConfigError(
      `ABATHUR_DB_POOL_MIN is ${config.ABATHUR_DB_POOL_MIN}, but it must not be above ABATHUR_DB_POOL_MAX, which is ${config.ABATHUR_DB_POOL_MAX}.`,
    );
  }
  refuseFolders(config);
  return config;
}

/** Nobody is asked for a key only where nobody else can come in. */
function defaultAuth({ HOST, NODE_ENV }: NodeJS.ProcessEnv, config: Config): 'keys' | 'off' {
  return NODE_ENV === 'production' || !isLoopback(HOST ?? config.HOST) ? 'keys' : 'off';
}

function refuseFolders({ ABATHUR_DOCUMENT_DIRS: directories }: Config): void {
  try {
    foldersOf(directories);
  } catch (error) {
    throw new ConfigError(`ABATHUR_DOCUMENT_DIRS is "${directories}", but it ${(error as Error).message}.`);
  }
}

const wholeNumber = (text: string): number => (/^-?\d+$/.test(text) ? Number(text) : Number.NaN);
