import { run, startBackground } from '#assembly';

/** The background work alone, beside API processes that run with ABATHUR_BACKGROUND=off on the same file. */
await run(async (house) => {
  const stop = startBackground(house);
  house.log.info('working', { database: house.config.ABATHUR_DB_PATH });
  process.stderr.write(`Abathur workers are running on ${house.config.ABATHUR_DB_PATH}.\n`);
  return stop;
});
