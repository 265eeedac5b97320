import { FolderWatch, type NoticedChanges, type SyncResult } from '#documents';
import type { House } from './open-house.js';

/** Has the watched directories indexed, now and whenever something in them changes; the returned function stops it. */
export function watchDocuments({ config, folders, auditLog, log }: House): () => Promise<void> {
  if (folders.folders.length === 0) return async () => undefined;
  const watch = new FolderWatch(folders, {
    debounce: config.ABATHUR_DOCUMENT_DEBOUNCE_MS,
    note: (changes: NoticedChanges) => auditLog.chore('note-document-changes', changes),
    forget: (changes: NoticedChanges) => auditLog.chore('forget-document-changes', changes),
    onSync: (result) => {
      if (hasWorked(result)) log.info('documents-synced', { ...result, failures: undefined });
    },
    onFailure: (error) => log.error('documents-not-synced', error),
  });
  void watch.start().catch((error: unknown) => log.error('documents-not-watched', error));
  return async () => void (await Promise.all([watch.stop(), folders.stop()]));
}

const hasWorked = ({ created, changed, renamed, removed, failed }: SyncResult): boolean =>
  created + changed + renamed + removed + failed > 0;
