import { catalog, readConfig, signingDirectory, systemCaller } from '#assembly';
import {
  DiffLog,
  DiffLogHandler,
  RevertOperation,
  RevertOperationHandler,
  WhyMemory,
  WhyMemoryHandler,
} from '#assembly/module';
import {
  askedFilter,
  auditEvent,
  auditEvents,
  auditExportPage,
  exportLines,
  headPosition,
  inclusionText,
  LogKeys,
  matches,
  signedHead,
  spellVerifier,
  SqliteAuditLog,
  type SignedHead,
} from '#audit-log';
import { memoryKey, namespace, notFound, type Page } from '#kernel';
import type { Database } from '#storage';
import { EXIT, Failure } from '../failure.js';
import { readsOf, withLogOnFile } from '../log-on-file.js';
import { openToRead } from '../target.js';
import type { Auditor } from './auditor.js';

/** The log in a file, read without a server; only to take something back it is opened for writing. */
export function auditFile(path: string): Auditor {
  const db = openToRead(path);
  const reads = readsOf(db);
  const log = new SqliteAuditLog(db, catalog, { settle: () => Promise.reject(new Error('opened for reading')) });
  const head = (): number => headPosition.run(db, null);
  return {
    list: async (input) => {
      const asked = { ...input, ...askedFilter(input, head()) };
      let page = auditEvents.run(db, asked);
      // A page may end early where no index helps; a person waits for it to be full.
      while (page.items.length < input.limit && page.next_cursor !== null) {
        const limit = input.limit - page.items.length;
        const more: Page<(typeof page.items)[number]> = auditEvents.run(db, {
          ...asked,
          limit,
          cursor: page.next_cursor,
        });
        page = { items: [...page.items, ...more.items], next_cursor: more.next_cursor };
      }
      return page;
    },
    show: async (position) => {
      const event = auditEvent.run(db, position);
      if (event === undefined) throw notFound('entry', String(position));
      return event;
    },
    follow: async function* (asked, signal) {
      const { after = head(), ...filter } = askedFilter(asked, head());
      for await (const { position } of log.tail(after, signal)) {
        const event = auditEvent.run(db, position)!;
        if (matches(filter, event)) yield event;
      }
    },
    export: async function* (asked) {
      const filter = askedFilter(asked, head());
      yield* exportLines((input) => auditExportPage.run(db, input), await log.head(), filter);
    },
    diff: async function* (input) {
      const handler = new DiffLogHandler(reads);
      let cursor: string | undefined;
      do {
        const page = await handler.execute(new DiffLog(systemCaller(), { ...input, limit: 200, cursor }));
        yield page.items;
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
    },
    why: (ns, key) =>
      new WhyMemoryHandler(reads).execute(
        new WhyMemory(systemCaller(), { namespace: namespace(ns), key: memoryKey(key) }),
      ),
    revert: (operation, dry_run) => revert(path, operation, dry_run),
    checkpoint: async () => signed(db).note,
    publicKeys: async () => `${keysOf(path).verifiers().map(spellVerifier).join('\n')}\n`,
    proof: async (position) => {
      const last = signed(db);
      if (position > last.size) throw notSigned(`Entry ${position} is not signed yet, or not there.`);
      return inclusionText(reads, position, last);
    },
    close: () => db.close(),
  };
}

const keysOf = (path: string): LogKeys =>
  new LogKeys(signingDirectory({ ...readConfig(process.env), ABATHUR_DB_PATH: path }));

/** The last head that was signed: to sign another one is the server's business. */
function signed(db: Database): SignedHead {
  const head = signedHead.run(db, null);
  if (head === undefined) throw notSigned('No head of this log has been signed yet.');
  return head;
}

const notSigned = (message: string): Failure =>
  new Failure(EXIT.no, 'not-signed-yet', message, 'A running server signs: start one, or ask it with --url.');

const revert = (path: string, operation: string, dry_run: boolean): ReturnType<Auditor['revert']> =>
  withLogOnFile(path, async (log, reads) => {
    const handler = new RevertOperationHandler(log, reads);
    const { value } = await handler.execute(new RevertOperation(systemCaller(), operation, dry_run));
    return value;
  });
