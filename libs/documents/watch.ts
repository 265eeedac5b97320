import { watch, type FSWatcher } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import type { NoticedChanges } from './document-changes.js';
import type { FolderSync, SyncResult } from './folder-sync.js';
import { below, isHidden, isMarkdown, pathOf, placeOf, type Folder, type Scope } from './folders.js';

export interface WatchOptions {
  /** Quiet time after the last change before files are looked at, in milliseconds. */
  debounce: number;
  /** Something changed, and will be looked at soon. */
  note(changes: NoticedChanges): Promise<unknown>;
  /** It was looked at. */
  forget(changes: NoticedChanges): Promise<unknown>;
  onSync(result: SyncResult): void;
  onFailure(error: unknown): void;
  now?: () => string;
}

/** Under constant change, files are looked at after this many times the quiet time. */
const LONGEST = 4;
/** More changes than this are one look at the whole folder. */
const MANY = 500;
const NOTE_AFTER = 50;
/** How often a folder that is not there is looked for, and how often everything is compared, in milliseconds. */
const LOOK_AGAIN = 10_000;
const COMPARE_EVERY = 3_600_000;
/** The same where the system watches no more directories. */
const COMPARE_BLIND = 60_000;
const RETRY = 5_000;

/**
 * Watches folders and has changed files indexed. One watch for each directory, which tells of its files, so ten thousand
 * of them cost nothing while nothing happens. What a watch misses, a full comparison at the start and each hour finds.
 */
export class FolderWatch {
  private readonly watches = new Map<string, FSWatcher>();
  private readonly roots = new Map<Folder, { real: Buffer; inode: number }>();
  private readonly noticed = new Map<string, Scope>();
  private readonly unnoted = new Set<string>();
  private since: number | undefined;
  private flushTimer: NodeJS.Timeout | undefined;
  private noteTimer: NodeJS.Timeout | undefined;
  private lookTimer: NodeJS.Timeout | undefined;
  private compared = 0;
  private blind = false;
  private stopped = false;
  private working: Promise<void> = Promise.resolve();

  constructor(
    private readonly folders: FolderSync,
    private readonly options: WatchOptions,
  ) {}

  /** Begins to watch, and compares everything once. */
  async start(): Promise<void> {
    await this.look();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const timer of [this.flushTimer, this.noteTimer, this.lookTimer]) clearTimeout(timer);
    for (const one of this.watches.values()) one.close();
    this.watches.clear();
    await this.working;
  }

  /** Directories that are watched. */
  get size(): number {
    return this.watches.size;
  }

  /** Finds folders that have come, and compares everything now and then. */
  private async look(): Promise<void> {
    const due = performance.now() - this.compared > (this.blind ? COMPARE_BLIND : COMPARE_EVERY);
    if (due || this.compared === 0) this.compared = performance.now();
    else if (this.folders.folders.every((folder) => this.roots.has(folder)) && !(await this.replaced()))
      return this.later();
    for (const folder of this.folders.folders) {
      const scope = { folder, within: Buffer.alloc(0) };
      const fresh = !this.roots.has(folder);
      if (fresh) await this.enter(folder);
      if (this.roots.has(folder) && (fresh || due)) this.notice(scope, 0);
    }
    this.later();
  }

  private later(): void {
    if (this.stopped) return;
    this.lookTimer = setTimeout(
      () => void this.look().catch((error: unknown) => this.options.onFailure(error)),
      LOOK_AGAIN,
    );
    this.lookTimer.unref();
  }

  /** Whether a folder is no longer the directory that is watched. */
  private async replaced(): Promise<boolean> {
    let any = false;
    for (const [folder, { real, inode }] of this.roots) {
      const now = await lstat(real).catch(() => undefined);
      if (now?.isDirectory() && now.ino === inode) continue;
      this.leave(real);
      this.roots.delete(folder);
      any = true;
    }
    return any;
  }

  private async enter(folder: Folder): Promise<void> {
    try {
      const real = await realpath(folder.path, { encoding: 'buffer' });
      const { ino } = await lstat(real);
      this.roots.set(folder, { real, inode: ino });
      await this.watchTree({ folder, within: Buffer.alloc(0) }, real);
    } catch {
      // It is not there yet.
    }
  }

  /** Watches a directory and those in it; first the watch, then the look, so that nothing slips in between. */
  private async watchTree(scope: Scope, root: Buffer): Promise<void> {
    const place = placeOf(root, scope.within);
    if (this.stopped || !this.watchOne(scope, place)) return;
    const entries = await readdir(place, { withFileTypes: true, encoding: 'buffer' }).catch(() => []);
    for (const entry of entries) {
      const name = entry.name as unknown as Buffer;
      if (entry.isDirectory() && !isHidden(name))
        await this.watchTree({ ...scope, within: below(scope.within, name) }, root);
    }
  }

  private watchOne(scope: Scope, place: Buffer): boolean {
    const key = place.toString('latin1');
    this.watches.get(key)?.close();
    try {
      const one = watch(place, { encoding: 'buffer', persistent: false }, (event, name) => {
        const named = name as Buffer | null;
        if (named === null) this.notice(scope);
        else if (!isHidden(named) && (event === 'rename' || isMarkdown(named)))
          this.notice({ ...scope, within: below(scope.within, named) });
      });
      one.on('error', () => this.leave(place));
      this.watches.set(key, one);
      return true;
    } catch (error) {
      if (['ENOSPC', 'EMFILE'].includes((error as { code?: string }).code ?? '') && !this.blind) {
        this.blind = true;
        this.options.onFailure(error);
      }
      return false;
    }
  }

  /** No longer watches a directory and those in it. */
  private leave(place: Buffer): void {
    const key = place.toString('latin1');
    for (const [path, one] of this.watches) {
      if (path !== key && !path.startsWith(`${key}/`)) continue;
      one.close();
      this.watches.delete(path);
    }
  }

  private notice(scope: Scope, rest = this.options.debounce): void {
    if (this.stopped) return;
    const path = pathOf(scope);
    this.noticed.set(path, scope);
    if (isMarkdown(scope.within)) this.noteSoon(path);
    this.since ??= performance.now();
    const latest = this.since + LONGEST * this.options.debounce - performance.now();
    clearTimeout(this.flushTimer);
    this.flushTimer = setTimeout(() => this.flush(), Math.max(0, Math.min(rest, latest)));
  }

  private noteSoon(path: string): void {
    this.unnoted.add(path);
    this.noteTimer ??= setTimeout(() => {
      this.noteTimer = undefined;
      const file_paths = [...this.unnoted];
      this.unnoted.clear();
      this.options.note({ file_paths, time: this.now() }).catch((error: unknown) => this.options.onFailure(error));
    }, NOTE_AFTER);
  }

  private flush(): void {
    this.since = undefined;
    const scopes = [...this.noticed.values()];
    this.noticed.clear();
    this.working = this.working.then(() => this.work(scopes)).catch((error: unknown) => this.again(scopes, error));
  }

  private again(scopes: Scope[], error: unknown): void {
    if (this.stopped) return;
    this.options.onFailure(error);
    for (const scope of scopes) this.notice(scope, RETRY);
  }

  private async work(noticed: Scope[]): Promise<void> {
    if (this.stopped) return;
    const time = this.now();
    await this.follow(noticed);
    const scopes = together(noticed);
    const result = await this.folders.sync(scopes);
    await this.options.forget({ file_paths: scopes.map(pathOf), time });
    this.options.onSync(result);
  }

  /** Watches directories that have come, and leaves those that have gone. */
  private async follow(scopes: Scope[]): Promise<void> {
    for (const scope of scopes) {
      const root = this.roots.get(scope.folder)?.real;
      // A file is told by its directory.
      if (root === undefined || scope.within.length === 0) continue;
      const place = placeOf(root, scope.within);
      const kind = await lstat(place).catch(() => undefined);
      if (this.watches.has(place.toString('latin1'))) this.leave(place);
      if (kind?.isDirectory()) await this.watchTree(scope, root);
    }
  }

  private now(): string {
    return (this.options.now ?? ((): string => new Date().toISOString()))();
  }
}

/** Each folder once where very much of it has changed. */
function together(scopes: Scope[]): Scope[] {
  if (scopes.length <= MANY) return scopes;
  return [...new Set(scopes.map(({ folder }) => folder))].map((folder) => ({ folder, within: Buffer.alloc(0) }));
}
