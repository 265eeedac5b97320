import { run, startBackground } from '#assembly';
import { serveMetrics } from './metrics.js';

/** The background work alone, beside API processes that run with ABATHUR_BACKGROUND=off on the same file. */
await run(async (house) => {
  const { ABATHUR_DB_PATH: path, ABATHUR_WORKER_PORT: port } = house.config;
  const close = port === 0 ? async () => undefined : await serveMetrics(house, port);
  const stop = startBackground(house);
  house.log.info('working', { database: path });
  process.stderr.write(
    `Abathur workers are running on ${path}.\n${port === 0 ? '' : `  Metrics http://127.0.0.1:${port}/metrics\n`}`,
  );
  return async () => {
    await stop();
    await close();
  };
});
