import { join } from 'node:path';
import { Database, migrate, readMigrations } from '#storage';
import { PROJECT_ROOT } from './project.js';

/**
 * An empty database as the migrations make it, to hold another one against. In a file that SQLite removes as soon as it has
 * opened it: not even a crash leaves it behind.
 */
export function openModel(): Database {
  const model = Database.open({ path: '' });
  model.pragma('journal_mode = OFF');
  migrate(model, readMigrations(join(PROJECT_ROOT, 'migrations')));
  return model;
}
