import { run, seed, startBackground, type House } from '#assembly';
import { createApp } from './app.js';
import { Draining } from './http/draining.js';

await run(async (house) => {
  await seed(house.auditLog);
  const app = await createApp(house);
  await listen(app, house);
  const stopBackground = house.config.ABATHUR_BACKGROUND === 'on' ? startBackground(house) : async () => undefined;
  announce(house, await app.getUrl());
  return async () => {
    app.get(Draining).begin();
    await app.close();
    await stopBackground();
  };
});

async function listen(app: Awaited<ReturnType<typeof createApp>>, { config: { HOST, PORT } }: House): Promise<void> {
  try {
    await app.listen(PORT, HOST);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    process.stderr.write(`${HOST}:${PORT} is taken. Set PORT to another one, for instance PORT=8001 npm start.\n`);
    process.exit(1);
  }
}

function announce({ config, log }: House, url: string): void {
  log.info('listening', { url, database: config.ABATHUR_DB_PATH });
  process.stderr.write(
    `Abathur Memory is ready.\n  API     ${url}/v1\n  Docs    ${url}/docs\n  Health  ${url}/health\n  Data    ${config.ABATHUR_DB_PATH}\n`,
  );
}
