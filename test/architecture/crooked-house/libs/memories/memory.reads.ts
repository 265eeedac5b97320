// one-driver-room: the driver outside libs/storage.
import Sqlite from 'better-sqlite3';

export const find = (): unknown => new Sqlite(':memory:');
