// A program of somebody else on the same database: node intruder.mjs <what it is> <database>
import Sqlite from 'better-sqlite3';

const [, , what, path] = process.argv;
const db = new Sqlite(path, { readonly: what === 'reader-that-never-ends' });
if (what === 'reader-that-never-ends') {
  db.exec('BEGIN');
  db.prepare('SELECT count(*) FROM sqlite_schema').get();
} else {
  db.exec('BEGIN IMMEDIATE');
}
process.stdout.write('ready\n');
setInterval(() => undefined, 60_000);
