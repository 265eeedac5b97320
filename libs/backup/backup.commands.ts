import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Caller } from '#kernel';
import { Operations, type Operation } from '#operations';
import { Backups } from './backups.js';
import { asListed } from './listed.js';

const ALONE = { kinds: ['backup', 'job.backup'], code: 'backup-running', message: 'A backup is being taken.' };

/** Takes a backup now; answers with the operation at once. */
export class TakeBackup {
  constructor(readonly by: Caller) {}
}

@CommandHandler(TakeBackup)
export class TakeBackupHandler implements ICommandHandler<TakeBackup> {
  constructor(
    private readonly backups: Backups,
    private readonly operations: Operations,
  ) {}

  async execute({ by }: TakeBackup): Promise<Operation> {
    const before = await this.operations.again(by);
    if (before !== undefined) return before;
    this.backups.refuseTwoAtOnce();
    return this.operations.startAlone(
      'backup',
      async (report) => asListed(await this.backups.take('manual', ({ done, total }) => report({ done, total }))),
      ALONE,
      by,
    );
  }
}

export const backupCommandHandlers = [TakeBackupHandler];
