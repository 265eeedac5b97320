import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import * as sqliteVec from 'sqlite-vec';
import { DomainError } from '#kernel';
import { makeDirectory } from './disk.js';
import type { Sql } from './sql.js';
import { finishSwap } from './swap.js';

/** Oldest SQLite without the WAL-reset corruption (sqlite.org/wal.html, fixed in 3.51.3). */
export const OLDEST_SQLITE = '3.51.3';

export type Synchronous = 'FULL' | 'NORMAL';

export interface DatabaseOptions {
  /** `''` is a file that SQLite removes as soon as it is open. */
  path: string;
  readonly?: boolean;
  /** FULL: an answered write survives power loss. NORMAL: it survives a crash of the process only. */
  synchronous?: Synchronous;
  /** Pages in the write-ahead log from which on a commit folds it back into the file; 1000 unless said otherwise. */
  walAutocheckpoint?: number;
  /**
   * `scratch`: a file that may be lost, so nothing waits for the disk. `upkeep`: exchanges tables as a whole, those that
   * extensions keep beside their own included; foreign keys are looked at once, at the end. Both enforce none on the way.
   */
  purpose?: 'serve' | 'upkeep' | 'scratch';
}

/** What reads need: any connection on any thread offers it. */
export interface Reader {
  /** First row, or `undefined`. */
  one<Row>(statement: Sql): Row | undefined;
  all<Row>(statement: Sql): Row[];
  iterate<Row>(statement: Sql): IterableIterator<Row>;
  /** Several questions about one and the same moment, whatever is written meanwhile. */
  snapshot<T>(work: () => T): T;
}

export interface RunResult {
  changes: number;
  lastInsertRowid: number | bigint;
}

/** The only door to SQLite: one connection with the house's pragmas and its prepared statements. */
export class Database implements Reader {
  private readonly statements = new Map<string, Sqlite.Statement<unknown[], unknown>>();

  private constructor(
    private readonly connection: Sqlite.Database,
    readonly path: string,
  ) {}

  static open({
    path,
    readonly = false,
    synchronous = 'FULL',
    purpose = 'serve',
    ...options
  }: DatabaseOptions): Database {
    // A restore that was cut off after it was decided is finished by whoever comes next.
    if (path !== ':memory:') finishSwap(path);
    const connection = connect(path, readonly);
    try {
      refuseOldSqlite(connection);
      sqliteVec.load(connection);
      for (const pragma of pragmas(readonly, synchronous)) connection.pragma(pragma);
      if (options.walAutocheckpoint !== undefined)
        connection.pragma(`wal_autocheckpoint = ${options.walAutocheckpoint}`);
      if (purpose !== 'serve') connection.pragma('foreign_keys = OFF');
      if (purpose === 'upkeep') connection.unsafeMode(true);
      if (purpose === 'scratch')
        for (const pragma of ['journal_mode = MEMORY', 'synchronous = OFF']) connection.pragma(pragma);
    } catch (error) {
      connection.close();
      throw notADatabase(path, error);
    }
    return new Database(connection, path);
  }

  /** Opens the file once more and reads its head, as whoever comes next would; throws when that cannot be done. */
  static probe(path: string): void {
    const connection = connect(path, true);
    try {
      connection.pragma('schema_version');
    } catch (error) {
      throw notADatabase(path, error);
    } finally {
      connection.close();
    }
  }

  one<Row>({ text, params }: Sql): Row | undefined {
    return this.statement(text).get(...params) as Row | undefined;
  }

  all<Row>({ text, params }: Sql): Row[] {
    return this.statement(text).all(...params) as Row[];
  }

  iterate<Row>({ text, params }: Sql): IterableIterator<Row> {
    return this.statement(text).iterate(...params) as IterableIterator<Row>;
  }

  run({ text, params }: Sql): RunResult {
    return this.statement(text).run(...params);
  }

  /** Runs a script of several statements. */
  exec(script: string): void {
    this.connection.exec(script);
  }

  hasTable(name: string): boolean {
    return (
      this.connection.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?`).get(name) !== undefined
    );
  }

  /** Reads or sets one pragma. */
  pragma<T = unknown>(source: string): T {
    return this.connection.pragma(source, { simple: true }) as T;
  }

  /**
   * Runs `work` in one `BEGIN IMMEDIATE` transaction. IMMEDIATE, because a read that upgrades to a write fails at
   * once when another connection wrote in between, whatever the busy timeout says. The callback is synchronous, so
   * nothing else can slip in between two statements.
   */
  transaction<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.connection.inTransaction) this.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * Runs `work` so that its failure undoes only its own statements. Outside a transaction it is one by itself, and a reader
   * then sees the database as it was at its first statement.
   */
  savepoint<T>(work: () => T): T {
    this.run(SAVEPOINT);
    try {
      const result = work();
      this.run(RELEASE);
      return result;
    } catch (error) {
      // A full disk may have rolled the whole transaction back already.
      if (this.connection.inTransaction) {
        this.run(ROLLBACK_TO);
        this.run(RELEASE);
      }
      throw error;
    }
  }

  snapshot<T>(work: () => T): T {
    return this.savepoint(work);
  }

  /** Opens another file on this connection, under a name that its tables are then asked for by. */
  attach(path: string, name: string): void {
    this.run({ text: `ATTACH ? AS ${name}`, params: [path] });
  }

  get inTransaction(): boolean {
    return this.connection.inTransaction;
  }

  close(): void {
    this.statements.clear();
    this.connection.close();
  }

  private statement(text: string): Sqlite.Statement<unknown[], unknown> {
    let statement = this.statements.get(text);
    if (statement === undefined) {
      statement = this.connection.prepare(text);
      // Composed filters make many texts: keep the newest, which are the ones in use.
      if (this.statements.size >= MAX_STATEMENTS) this.statements.delete(this.statements.keys().next().value!);
      this.statements.set(text, statement);
    }
    return statement;
  }
}

const MAX_STATEMENTS = 500;
const SAVEPOINT: Sql = { text: 'SAVEPOINT step', params: [] };
const RELEASE: Sql = { text: 'RELEASE step', params: [] };
const ROLLBACK_TO: Sql = { text: 'ROLLBACK TO step', params: [] };

/** The settings of every connection, and what each must read back as. */
export const PRAGMAS = {
  journal_mode: 'wal',
  foreign_keys: 1,
  recursive_triggers: 1,
  busy_timeout: 5000,
  wal_autocheckpoint: 1000,
  // What the write-ahead log has grown to while somebody read for long is given back when it begins anew.
  journal_size_limit: 64 * 1024 * 1024,
  cache_size: -64000,
  temp_store: 2,
  mmap_size: 268435456,
} as const;

function pragmas(readonly: boolean, synchronous: Synchronous): string[] {
  const { journal_mode, ...connection } = PRAGMAS;
  return [
    ...(readonly ? ['query_only = ON'] : [`journal_mode = ${journal_mode}`]),
    `synchronous = ${synchronous}`,
    ...Object.entries(connection).map(([name, value]) => `${name} = ${value}`),
  ];
}

/** The pragmas of a connection as they read back, with `ok: false` where one did not take. */
export function checkPragmas(
  db: Database,
  synchronous: Synchronous,
  wal_autocheckpoint: number = PRAGMAS.wal_autocheckpoint,
): { name: string; value: unknown; ok: boolean }[] {
  const expected = { ...PRAGMAS, wal_autocheckpoint, synchronous: synchronous === 'FULL' ? 2 : 1 };
  return Object.entries(expected).map(([name, want]) => {
    const value = db.pragma(name);
    // A database in memory has neither a journal to write ahead nor a file to map.
    const exempt = db.path === ':memory:' && (name === 'journal_mode' || name === 'mmap_size');
    return { name, value, ok: exempt || value === want };
  });
}

function refuseOldSqlite(connection: Sqlite.Database): void {
  const { version } = connection.prepare('SELECT sqlite_version() AS version').get() as { version: string };
  const order = (text: string): number[] => text.split('.').map(Number);
  const [have, need] = [order(version), order(OLDEST_SQLITE)];
  const first = need.findIndex((part, index) => part !== have[index]);
  if (first >= 0 && (have[first] ?? 0) < need[first]!) {
    throw new DomainError('unavailable', 'sqlite-too-old', `SQLite ${version} can corrupt a WAL database.`, {
      hint: `Install a better-sqlite3 that brings SQLite ${OLDEST_SQLITE} or newer.`,
    });
  }
}

function connect(path: string, readonly: boolean): Sqlite.Database {
  try {
    if (!readonly && path !== ':memory:' && path !== '') makeDirectory(dirname(path));
    // The timeout is set by the driver before its first statement: switching to WAL must already wait its turn.
    return new Sqlite(path, { readonly, fileMustExist: readonly, timeout: 5000 });
  } catch (error) {
    throw notADatabase(path, error);
  }
}

const CANNOT_OPEN = [
  'SQLITE_CANTOPEN',
  'SQLITE_CANTOPEN_ISDIR',
  'EACCES',
  'EEXIST',
  'ENOENT',
  'ENOTDIR',
  'EPERM',
  'EROFS',
];

/** What is wrong with the file, for the operator who named it. */
export function notADatabase(path: string, error: unknown): unknown {
  const code = (error as { code?: string }).code ?? '';
  if (code === 'SQLITE_NOTADB' || code === 'SQLITE_CORRUPT') {
    return new DomainError('unavailable', 'not-a-database', `${path} is not a usable SQLite database (${code}).`, {
      hint: 'Set ABATHUR_DB_PATH to another file, or put a backup in its place.',
    });
  }
  // Reading a directory is not refused but fails.
  const directory = code.startsWith('SQLITE_IOERR') && statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (CANNOT_OPEN.includes(code) || code.startsWith('SQLITE_READONLY') || directory) {
    return new DomainError('unavailable', 'cannot-open-database', `${path} cannot be opened as a file (${code}).`, {
      hint: 'Set ABATHUR_DB_PATH to a file that this user may write, in a directory that this user may write.',
    });
  }
  return error;
}
