import { describe, expect, it } from '@jest/globals';
import { Config, ConfigError, readConfig } from './config.js';

const refusal = (environment: Record<string, string>): string => {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('Expected the setting to be refused');
};

const wrong: [keyof Config, string, RegExp][] = [
  ['PORT', 'http', /must be an integer/],
  ['PORT', '70000', /must not be greater than 65535/],
  ['PORT', '-1', /must not be less than 0/],
  ['PORT', '', /must be an integer/],
  ['PORT', '8e3', /must be an integer/],
  ['HOST', '', /should not be empty/],
  ['ABATHUR_DB_PATH', '', /should not be empty/],
  ['ABATHUR_DB_SYNCHRONOUS', 'OFF', /FULL, NORMAL/],
  ['ABATHUR_DB_SYNCHRONOUS', 'full', /FULL, NORMAL/],
  ['ABATHUR_DB_POOL_MIN', '0', /must not be less than 1/],
  ['ABATHUR_DB_POOL_MAX', '65', /must not be greater than 64/],
  ['ABATHUR_DB_POOL_TIMEOUT_MS', '0.5', /must be an integer/],
  ['ABATHUR_DB_WAL_AUTOCHECKPOINT', '0', /must not be less than 1/],
  ['ABATHUR_SLOW_READ_MS', '-1', /must not be less than 0/],
  ['ABATHUR_LOG_LEVEL', 'loud', /trace, debug, info, warn, error, silent/],
  ['ABATHUR_BACKGROUND', 'yes', /on, off/],
  ['ABATHUR_WORKER_PORT', '65536', /65535/],
  ['ABATHUR_ARCHIVE_AFTER_DAYS', '-1', /must not be less than 0/],
  ['ABATHUR_EXTRACTION', 'magic', /rules, llm, off/],
  ['ABATHUR_EPISODIC_TTL_DAYS', '29', /must not be less than 30/],
  ['ABATHUR_EPISODIC_TTL_DAYS', '91', /must not be greater than 90/],
  ['ABATHUR_DRAIN_TIMEOUT_MS', 'soon', /must be an integer/],
  ['ABATHUR_DRAIN_DELAY_MS', '-1', /must not be less than 0/],
  ['ABATHUR_REQUEST_TIMEOUT_MS', '0', /must not be less than 100/],
  ['ABATHUR_AUTH', 'open', /keys, off/],
  ['ABATHUR_RATE_LIMIT', '-1', /must not be less than 0/],
  ['ABATHUR_API_KEY', 'secret', /abk_/],
  ['NODE_ENV', 'pro duction', /word/],
  ['ABATHUR_AUDIT_READS', 'some', /off/],
  ['ABATHUR_EMBEDDINGS', 'cloud', /local, ollama/],
  ['ABATHUR_EMBEDDING_MODEL', '', /should not be empty/],
  ['ABATHUR_CHAT_MODEL', '', /should not be empty/],
  ['ABATHUR_CHAT_TIMEOUT_MS', '1', /must not be less than 100/],
  ['OLLAMA_HOST', 'not a url', /URL/],
  ['OLLAMA_HOST', 'localhost:11434', /URL/],
  ['ABATHUR_DOCUMENT_DIRS', '/a/docs,/a', /one within another/],
  ['ABATHUR_DOCUMENT_DIRS', '/a/docs,/b/docs', /two directories of one name/],
  ['ABATHUR_DOCUMENT_DEBOUNCE_MS', '0', /must not be less than 1/],
  ['ABATHUR_SIGNING_DIR', 'yes', /begins with \/ or \./],
  ['ABATHUR_SIGN_EVERY_SECONDS', '-1', /must not be less than 0/],
  ['ABATHUR_BACKUP_DIR', '', /should not be empty/],
  ['ABATHUR_BACKUP_KEEP_DAYS', '0', /must not be less than 1/],
  ['ABATHUR_BALLAST_MB', '-1', /must not be less than 0/],
];

describe('The settings', () => {
  it('R-O8 are usable where nobody sets anything', () => {
    expect(readConfig({})).toEqual(new Config());
    expect(readConfig({ PATH: '/bin', HOME: '/root' })).toEqual(new Config());
  });

  it('T22 ask for keys where others come in, and let nobody switch that off', () => {
    expect(readConfig({ HOST: '0.0.0.0' }).ABATHUR_AUTH).toBe('keys');
    expect(readConfig({ NODE_ENV: 'production' }).ABATHUR_AUTH).toBe('keys');
    expect(readConfig({ NODE_ENV: 'production', ABATHUR_AUTH: 'off' }).ABATHUR_AUTH).toBe('off');
    expect(readConfig({ ABATHUR_AUTH: 'keys' }).ABATHUR_AUTH).toBe('keys');
    expect(() => readConfig({ HOST: '10.0.0.1', ABATHUR_AUTH: 'off' })).toThrow(/abathur keys create --role operator/);
  });

  it('R-O8 take what the environment says, numbers as numbers', () => {
    expect(readConfig({ PORT: '0', ABATHUR_DB_SYNCHRONOUS: 'NORMAL', ABATHUR_DB_PATH: '/tmp/a.db' })).toMatchObject({
      PORT: 0,
      ABATHUR_DB_SYNCHRONOUS: 'NORMAL',
      ABATHUR_DB_PATH: '/tmp/a.db',
    });
  });

  it.each(wrong)('R-O8 refuse %s=%s in one line that names both, and what it may be', (name, value, may) => {
    const message = refusal({ [name]: value });
    expect(message.split('\n')).toHaveLength(1);
    expect(message.startsWith(`${name} is "${value}"`)).toBe(true);
    expect(message).toMatch(may);
  });

  it('R-O8 are all refused when they are wrong', () => {
    const tried = new Set(wrong.map(([name]) => name));
    expect(Object.keys(new Config()).filter((name) => !tried.has(name as keyof Config))).toEqual([]);
  });

  it('R-S3 refuse a pool whose least is above its most', () => {
    expect(refusal({ ABATHUR_DB_POOL_MIN: '21' })).toMatch(/ABATHUR_DB_POOL_MIN is 21.*ABATHUR_DB_POOL_MAX.*20/);
  });

  it('R-O8 refuse a name that is misspelled, and name those that are', () => {
    expect(refusal({ ABATHUR_DB_PAHT: 'x' })).toMatch(
      /^ABATHUR_DB_PAHT is not a setting; settings are .*ABATHUR_DB_PATH/,
    );
  });
});
