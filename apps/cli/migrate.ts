import { migrateFile, readConfig } from '#assembly';

/** Brings the database up to date and says what was done. */
export function migrate(json: boolean): number {
  const config = readConfig(process.env);
  const { ABATHUR_DB_PATH: database } = config;
  const applied = migrateFile(config);
  if (json) process.stdout.write(`${JSON.stringify({ database, applied })}\n`);
  else if (applied.length === 0) process.stdout.write(`${database} is up to date.\n`);
  else process.stdout.write(`${database}\n${applied.map((name) => `  applied ${name}\n`).join('')}`);
  return 0;
}
