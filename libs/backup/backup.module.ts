import { Module } from '@nestjs/common';
import { backupCommandHandlers } from './backup.commands.js';
import { backupQueryHandlers } from './backup.queries.js';

@Module({ providers: [...backupCommandHandlers, ...backupQueryHandlers] })
export class BackupModule {}

export { TakeBackup } from './backup.commands.js';
export { ListBackups } from './backup.queries.js';
