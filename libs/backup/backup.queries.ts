import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import type { Caller } from '#kernel';
import { Backups } from './backups.js';
import { asListed, type ListedBackup } from './listed.js';

/** The backups that there are, newest first. */
export class ListBackups extends Query<ListedBackup[]> {
  constructor(readonly by: Caller) {
    super();
  }
}

@QueryHandler(ListBackups)
export class ListBackupsHandler implements IQueryHandler<ListBackups> {
  constructor(private readonly backups: Backups) {}

  async execute(): Promise<ListedBackup[]> {
    return this.backups.list().map(asListed);
  }
}

export const backupQueryHandlers = [ListBackupsHandler];
