import { ConfigError, run, seed, startBackground, type House } from '#assembly';
import { createApp } from './app.js';
import { Draining } from './http/draining.js';

/** What stops a server from listening, and what to do about it. */
const ADVICE: Record<string, string> = {
  EADDRINUSE: 'is taken. Set PORT to another one, for instance PORT=8001 npm start.',
  EACCES: 'may not be opened by this user. Set PORT to one above 1023.',
  EADDRNOTAVAIL: 'is not an address of this machine. Set HOST to one that is, or to 0.0.0.0 for all of them.',
  ENOTFOUND: 'cannot be resolved. Set HOST to an address of this machine, or to 0.0.0.0 for all of them.',
};

await run(async (house) => {
  refuseWithoutKeys(house);
  await seed(house.auditLog);
  const app = await createApp(house);
  await listen(app, house);
  const stopBackground = house.config.ABATHUR_BACKGROUND === 'on' ? startBackground(house) : async () => undefined;
  announce(house, await app.getUrl());
  return async () => {
    await app.get(Draining).begin(house.config.ABATHUR_DRAIN_DELAY_MS);
    await app.close();
    await stopBackground();
  };
});

/** With keys asked for and none there, nobody could come in, nor make the first one through the server. */
function refuseWithoutKeys({ config, keys }: House): void {
  if (config.ABATHUR_AUTH === 'off' || keys.hasOperator(new Date().toISOString())) return;
  throw new ConfigError(
    `ABATHUR_AUTH is "keys", but ${config.ABATHUR_DB_PATH} has no operator's key yet. Make one: abathur keys create --role operator`,
  );
}

async function listen(app: Awaited<ReturnType<typeof createApp>>, { config: { HOST, PORT } }: House): Promise<void> {
  try {
    await app.listen(PORT, HOST);
  } catch (error) {
    const advice = ADVICE[(error as { code?: string }).code ?? ''];
    if (advice === undefined) throw error;
    process.stderr.write(`${HOST}:${PORT} ${advice}\n`);
    process.exit(1);
  }
}

function announce({ config, log }: House, url: string): void {
  log.info('listening', { url, database: config.ABATHUR_DB_PATH });
  process.stderr.write(
    `Abathur Memory is ready.\n  API     ${url}/v1\n  Docs    ${url}/docs\n  Health  ${url}/health\n  Data    ${config.ABATHUR_DB_PATH}\n`,
  );
  if (config.ABATHUR_AUTH === 'keys') return;
  log.warn('no-keys', { host: config.HOST });
  process.stderr.write(
    '  WARNING Nobody is asked for a key: every program on this machine may read and change everything.\n          Set ABATHUR_AUTH=keys, and make one with abathur keys create --role operator.\n',
  );
}
