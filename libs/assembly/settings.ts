import { getMetadataStorage } from 'class-validator';
import { Config } from './config.js';

/** A setting as its documentation tells it. */
export interface Setting {
  name: keyof Config;
  default: string;
  /** What it may be, from the rules that it is checked by. */
  allowed: string;
  meaning: string;
}

/** What each setting is for, in a sentence or two. The compiler misses whoever forgets one. */
const MEANING: Record<keyof Config, string> = {
  PORT: 'Port; 0 takes any free one.',
  HOST: 'Address to listen on.',
  ABATHUR_DB_PATH: 'The database file; its directory is made.',
  ABATHUR_DB_SYNCHRONOUS:
    '`FULL`: an answered write survives power loss. `NORMAL`: it survives a crash of the process only.',
  ABATHUR_DB_WAL_AUTOCHECKPOINT: 'Pages in the write-ahead log from which on a commit folds it back into the file.',
  ABATHUR_SLOW_READ_MS: 'Reads that take longer are told in the log by name (`slow-read`); 0: none are.',
  ABATHUR_DB_POOL_MIN: 'Reader threads that are always there.',
  ABATHUR_DB_POOL_MAX: 'Reader threads at most.',
  ABATHUR_DB_POOL_TIMEOUT_MS: 'How long a read waits for a free reader before 503.',
  ABATHUR_LOG_LEVEL: '`trace`, `debug`, `info`, `warn`, `error` or `silent`; lines of JSON on standard output.',
  ABATHUR_WORKER_PORT: 'Port on 127.0.0.1 at which the worker serves `/metrics`; 0 for none.',
  ABATHUR_BACKGROUND: '`off` where `npm run worker` runs beside it on the same file.',
  ABATHUR_ARCHIVE_AFTER_DAYS: 'Days after its termination when a session is archived.',
  ABATHUR_EXTRACTION:
    'Who makes memories of a session that has ended: `rules`, `llm` (a model on `OLLAMA_HOST`; when it fails, the rules), or `off`.',
  ABATHUR_EPISODIC_TTL_DAYS:
    'Days until an episodic memory fades whose writer says nothing of it, 30 to 90. What is there keeps its end.',
  ABATHUR_DRAIN_TIMEOUT_MS: 'How long requests may take to finish after SIGTERM.',
  ABATHUR_DRAIN_DELAY_MS:
    'How long after SIGTERM requests are still taken while readiness says no, so that a load balancer can see it. It comes on top of the drain timeout.',
  ABATHUR_REQUEST_TIMEOUT_MS: 'How long a request may take to arrive, headers and body; then it is refused with 408.',
  ABATHUR_AUTH:
    '`keys`: clients show one (see Keys and rights). That is the default where others reach `HOST` and with `NODE_ENV=production`; `off` is refused where others reach `HOST`.',
  ABATHUR_RATE_LIMIT: 'Requests a minute for each key, then 429; 0: as many as it likes.',
  ABATHUR_API_KEY: 'The key that `abathur` shows to a server.',
  NODE_ENV: '`production`: keys are asked for on a loopback address, too.',
  ABATHUR_AUDIT_READS: '`on`: the log also says who read or searched which memories, and who was denied it.',
  ABATHUR_EMBEDDINGS: 'Who makes vectors of texts: `local` is built in and needs nothing, `ollama` asks a server.',
  ABATHUR_EMBEDDING_MODEL: 'Model for `ollama`; after a change texts are embedded again in the background.',
  OLLAMA_HOST: 'Where that server is.',
  ABATHUR_CHAT_MODEL:
    'Model on that server that settles conflicts and writes summaries, only where a request asks for it.',
  ABATHUR_CHAT_TIMEOUT_MS: 'How long it may take for an answer.',
  ABATHUR_DOCUMENT_DIRS: 'Directories whose Markdown files are indexed and watched, comma-separated.',
  ABATHUR_DOCUMENT_DEBOUNCE_MS: 'How long a file must be quiet after a change before it is indexed.',
  ABATHUR_SIGNING_DIR:
    'Where the keys are that sign heads of the log; empty: beside the database file, as `<name>-signing`.',
  ABATHUR_SIGN_EVERY_SECONDS: 'How often a head is signed that has grown; 0: only when asked for.',
  ABATHUR_BACKUP_DIR: 'Where backups are; better on another disk.',
  ABATHUR_BACKUP_KEEP_DAYS: 'Days after which a backup is removed; the newest good one stays.',
  ABATHUR_BALLAST_MB: 'Size of the file beside the database that is given up when the disk is full; 0 for none.',
};

/** Every setting, in the order of the code. */
export function settings(): Setting[] {
  const config = new Config();
  const rules = getMetadataStorage().getTargetValidationMetadatas(Config, '', true, false);
  return (Object.keys(config) as (keyof Config)[]).map((name) => ({
    name,
    default: String(config[name]),
    allowed: allowed(rules.filter(({ propertyName }) => propertyName === name)),
    meaning: MEANING[name],
  }));
}

interface Rule {
  name?: string;
  constraints?: unknown[];
}

function allowed(rules: Rule[]): string {
  const of = (name: string): unknown => rules.find((rule) => rule.name === name)?.constraints?.[0];
  const choices = of('isIn') as string[] | undefined;
  if (choices !== undefined) return choices.join(', ');
  if (rules.some(({ name }) => name === 'isInt')) return `a whole number from ${of('min')} to ${of('max')}`;
  if (rules.some(({ name }) => name === 'isUrl')) return 'a URL';
  if (rules.some(({ name }) => name === 'isNotEmpty')) return 'a text, not empty';
  return 'a text, or empty';
}
