import type { Verb } from '../verb.js';

export const serve: Verb = {
  name: 'serve',
  description: 'Run the API and the background work, as npm start does.',
  example: 'PORT=8001 ABATHUR_DB_PATH=/var/lib/abathur/abathur.db abathur serve',
  async run() {
    await import('../../api/main.js');
    return 0;
  },
};
