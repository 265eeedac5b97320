import { lstat, readdir, realpath } from 'node:fs/promises';
import { decideStep, type SqliteAuditLog, type Step } from '#audit-log';
import type { Caller } from '#kernel';
import type { ReadSide } from '#storage';
import { document, type DocumentCommand } from './document.decider.js';
import { documentsBelow, documentsWithHash, type KnownDocument } from './document.reads.js';
import { below, isHidden, isMarkdown, pathOf, placeOf, scopeOf, type Folder, type Scope } from './folders.js';
import { hashOf, nameOf, readDocument } from './read-document.js';
import { readDocumentFile } from './read-file.js';

export interface SyncResult {
  /** Files that are documents by their name. */
  found: number;
  created: number;
  changed: number;
  renamed: number;
  removed: number;
  unchanged: number;
  failed: number;
  /** Why, for the first hundred of them. */
  failures: { file_path: string; reason: string }[];
}

export interface Progress {
  done: number;
  total: number;
}

export interface FolderSyncOptions {
  folders: Folder[];
  log: Pick<SqliteAuditLog, 'execute'>;
  reads: Pick<ReadSide, 'scan'>;
  /** Who does it. */
  caller: (correlationId?: string) => Caller;
  /** Hears of each sync that came to its end. */
  onSynced?: (result: SyncResult) => void;
  /** Hears of each that could not. */
  onFailed?: () => void;
  /** Largest file that is indexed, in bytes. */
  limit?: number;
}

/** Largest file that is indexed, in bytes, unless another limit is said. */
export const MAX_FILE = 10 * 1024 * 1024;
const MAX_DEPTH = 64;
const MAX_FAILURES = 100;
/** Files that are under way at once: enough that the writer settles many in one transaction. */
const CONCURRENCY = 32;

/** A file, and what the index knew of it before. */
interface Found extends Scope {
  file_path: string;
  place: Buffer;
}

/**
 * Brings the index to where the files are, by their content: what is unchanged costs a look and no event. Reads only
 * what lies in the folders: no link is followed, neither a file's nor a directory's.
 */
export class FolderSync {
  private turn: Promise<unknown> = Promise.resolve();
  private readonly stopped = new AbortController();

  constructor(private readonly options: FolderSyncOptions) {}

  get folders(): Folder[] {
    return this.options.folders;
  }

  /** What a client may ask for: everything, or a directory in a folder; else it is refused. */
  async scopes(directory: string | undefined): Promise<Scope[]> {
    if (directory !== undefined) return [await scopeOf(this.folders, directory)];
    return this.folders.map((folder) => ({ folder, within: Buffer.alloc(0) }));
  }

  /** One after the other, whoever asks. */
  sync(
    scopes: Scope[],
    onProgress: (progress: Progress) => void = () => undefined,
    correlationId?: string,
  ): Promise<SyncResult> {
    const caller = this.options.caller(correlationId);
    const result = this.turn.then(() => new Run(this.options, this.stopped.signal, onProgress, caller).over(scopes));
    void result.then(this.options.onSynced, this.options.onFailed ?? (() => undefined));
    this.turn = result.catch(() => undefined);
    return result;
  }

  /** Ends after what is under way. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.turn;
  }
}

class Run {
  private readonly result: SyncResult = {
    found: 0,
    created: 0,
    changed: 0,
    renamed: 0,
    removed: 0,
    unchanged: 0,
    failed: 0,
    failures: [],
  };
  private readonly known = new Map<string, KnownDocument>();
  private readonly found = new Map<string, Found>();
  /** What could not be looked into: nothing below it is gone as far as anybody knows. */
  private readonly closed: string[] = [];
  /** Documents outside of what is looked at, whose files were found under another name. */
  private readonly claimed = new Set<string>();

  constructor(
    private readonly options: FolderSyncOptions,
    private readonly signal: AbortSignal,
    private readonly onProgress: (progress: Progress) => void,
    private readonly caller: Caller,
  ) {}

  async over(scopes: Scope[]): Promise<SyncResult> {
    for (const scope of scopes) await this.look(scope);
    const gone = [...this.known.values()].filter((one) => this.isGone(one));
    const progress = { done: 0, total: this.found.size + gone.length };
    const step = (): void => this.onProgress({ ...progress, done: ++progress.done });
    const moved = new Moved(gone);
    this.result.found = this.found.size;
    await this.each([...this.found.values()], async (file) => {
      await this.index(file, moved);
      step();
    });
    await this.each(moved.left(), async ({ file_path }) => {
      const steps = [decide({ type: 'RemoveDocument', file_path, found: 'gone' })];
      if (await this.execute(steps)) this.result.removed += 1;
      step();
    });
    this.signal.throwIfAborted();
    return this.result;
  }

  /** Finds what is there and what was known to be there. */
  private async look(scope: Scope): Promise<void> {
    let root: Buffer;
    try {
      root = await realpath(scope.folder.path, { encoding: 'buffer' });
    } catch (error) {
      this.close(pathOf({ ...scope, within: Buffer.alloc(0) }), error);
      return;
    }
    for (const one of await this.options.reads.scan(documentsBelow, pathOf(scope))) this.known.set(one.file_path, one);
    await this.walk(scope, root, 0);
  }

  private async walk(scope: Scope, root: Buffer, depth: number): Promise<void> {
    if (this.signal.aborted) return;
    const place = placeOf(root, scope.within);
    try {
      const kind = await lstat(place);
      if (kind.isFile() && isMarkdown(scope.within)) return this.add(scope, place);
      // On the way to it, too, there may be a link.
      if (!kind.isDirectory() || !(await realpath(place, { encoding: 'buffer' })).equals(place)) return;
      if (depth > MAX_DEPTH) throw new RangeError(`is nested deeper than ${MAX_DEPTH} directories`);
      for (const entry of await readdir(place, { withFileTypes: true, encoding: 'buffer' })) {
        const name = entry.name as unknown as Buffer;
        if (isHidden(name)) continue;
        const inner = { ...scope, within: below(scope.within, name) };
        if (entry.isDirectory()) await this.walk(inner, root, depth + 1);
        else if (entry.isFile() && isMarkdown(name)) this.add(inner, placeOf(root, inner.within));
      }
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes((error as { code?: string }).code ?? '')) this.close(pathOf(scope), error);
    }
  }

  private add(scope: Scope, place: Buffer): void {
    const file_path = pathOf(scope);
    this.found.set(file_path, { ...scope, file_path, place });
  }

  private close(path: string, error: unknown): void {
    this.closed.push(path);
    const { code, message } = error as { code?: string; message: string };
    this.fail(path, code === undefined ? message : `cannot be read (${code})`);
  }

  private isGone({ file_path, origin }: KnownDocument): boolean {
    if (origin !== 'folder' || this.found.has(file_path)) return false;
    return !this.closed.some((path) => file_path === path || file_path.startsWith(`${path}/`));
  }

  private async index({ file_path, place }: Found, moved: Moved): Promise<void> {
    const before = this.known.get(file_path);
    const reading = await readDocumentFile(place, this.options.limit ?? MAX_FILE);
    // It has gone meanwhile: the next look finds out.
    if (reading === 'not-there') return;
    if ('reason' in reading) {
      this.fail(file_path, reading.reason);
      if (before?.failure !== reading.reason)
        await this.execute([
          decide({ type: 'ReportUnreadable', file_path, title: nameOf(file_path), reason: reading.reason }),
        ]);
      return;
    }
    const hash = hashOf(reading.bytes);
    if (before?.content_hash === hash && before.failure === null && before.origin === 'folder') {
      this.result.unchanged += 1;
      return;
    }
    const from = before === undefined ? (moved.take(hash) ?? (await this.leftBehind(hash))) : undefined;
    const content = readDocument({ file_path, content: reading.text });
    const index = { type: 'IndexDocument' as const, file_path, origin: 'folder' as const, ...content };
    const steps =
      from === undefined
        ? [decide(index)]
        : [
            decide({ type: 'RemoveDocument', file_path: from, found: 'gone', renamed_to: file_path }),
            decide({ ...index, renamed_from: from }),
          ];
    const written = await this.execute(steps);
    if (from !== undefined) this.result.renamed += 1;
    else if (before === undefined) this.result.created += 1;
    else if (written) this.result.changed += 1;
    else this.result.unchanged += 1;
  }

  /** Where a file of this content was, outside of what is looked at now. */
  private async leftBehind(hash: string): Promise<string | undefined> {
    for (const { file_path, origin } of await this.options.reads.scan(documentsWithHash, hash)) {
      if (origin !== 'folder' || this.known.has(file_path) || this.claimed.has(file_path)) continue;
      if (!(await isMissing(this.options.folders, file_path)) || this.claimed.has(file_path)) continue;
      this.claimed.add(file_path);
      return file_path;
    }
    return undefined;
  }

  private fail(file_path: string, reason: string): void {
    this.result.failed += 1;
    if (this.result.failures.length < MAX_FAILURES) this.result.failures.push({ file_path, reason });
  }

  /** Whether anything followed from it. */
  private async execute(steps: Step[]): Promise<boolean> {
    const caller = { ...this.caller, time: this.options.caller().time };
    const { results } = await this.options.log.execute({ caller, steps });
    return results.some((result) => (result as { events: unknown[] }).events.length > 0);
  }

  /** Many at once, in order of their beginning; ends early when it was asked to stop. */
  private async each<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < items.length && !this.signal.aborted) await work(items[next++]!);
    };
    const lanes = await Promise.allSettled(Array.from({ length: CONCURRENCY }, lane));
    const broken = lanes.find((one) => one.status === 'rejected');
    if (broken !== undefined) throw broken.reason;
  }
}

/** Documents whose files are gone: a new file of the same content is the old one under another name. */
class Moved {
  private readonly gone: Map<string, KnownDocument>;
  private readonly byHash = new Map<string, string[]>();

  constructor(gone: KnownDocument[]) {
    this.gone = new Map(gone.map((one) => [one.file_path, one]));
    for (const { content_hash, file_path } of gone) {
      if (content_hash !== null) this.byHash.set(content_hash, [...(this.byHash.get(content_hash) ?? []), file_path]);
    }
  }

  take(content_hash: string): string | undefined {
    const path = this.byHash.get(content_hash)?.shift();
    if (path !== undefined) this.gone.delete(path);
    return path;
  }

  left(): KnownDocument[] {
    return [...this.gone.values()];
  }
}

/** Whether nothing is where a document came from, in a folder that is there. */
async function isMissing(folders: Folder[], file_path: string): Promise<boolean> {
  const folder = folders.find(({ name }) => file_path.startsWith(`${name}/`));
  // A name that is not UTF-8 is not the path that tells of it.
  if (
    folder === undefined ||
    file_path.includes('\uFFFD') ||
    (await lstat(folder.path).catch(() => undefined)) === undefined
  )
    return false;
  try {
    await lstat(`${folder.path}${file_path.slice(folder.name.length)}`);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === 'ENOENT';
  }
}

const decide = (command: DocumentCommand): Step => decideStep(document, command);
