import { answer, type Verb } from '../verb.js';

export const migrate: Verb = {
  name: 'migrate',
  description: 'Bring the database file up to date, without starting anything.',
  example: 'ABATHUR_DB_PATH=./data/abathur.db abathur migrate',
  async run(call) {
    const { migrateFile, readConfig } = await import('#assembly');
    const config = readConfig(process.env);
    const { ABATHUR_DB_PATH: database } = config;
    const applied = migrateFile(config);
    const text =
      applied.length === 0
        ? `${database} is up to date.\n`
        : `${database}\n${applied.map((name) => `  applied ${name}\n`).join('')}`;
    answer(call, { database, applied }, text);
    return 0;
  },
};
