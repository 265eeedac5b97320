import { QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import type { Caller } from '#kernel';
import { Backups } from './backups.js';
import { asListed, type ListedBackup } from './listed.js';

/** The backups that there are, newest first. */
export class ListBackups {
  constructor(readonly by: Caller) {}
}

@QueryHandler(ListBackups)
export class ListBackupsHandler implements IQueryHandler<ListBackups> {
  constructor(private readonly backups: Backups) {}

  async execute(): Promise<ListedBackup[]> {
    return this.backups.list().map(asListed);
  }
}

export const backupQueryHandlers = [ListBackupsHandler];
