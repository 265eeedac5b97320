// Specs that start real servers: Prometheus, Alertmanager, nginx. `npm run test:ops` runs them, one file at a time.
import base from '../../jest.config.mjs';

export default {
  ...base,
  rootDir: '../..',
  roots: ['<rootDir>/test/ops'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 300_000,
  maxWorkers: 1,
};
