import { Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { ListedBackup } from '#backup';
import { ListBackups, TakeBackup } from '#backup/module';
import type { Caller } from '#kernel';
import type { Operation } from '#operations';
import { BackupPage } from './backups.dto.js';
import { By } from './http/caller.js';
import { OperationBody } from './operations.dto.js';

@ApiTags('Admin')
@Controller('v1/admin/backups')
export class BackupsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  /** Takes a backup while everybody goes on; it is verified before it is one. */
  @Post()
  @HttpCode(202)
  async take(@By() by: Caller, @Res({ passthrough: true }) reply: FastifyReply): Promise<OperationBody> {
    const operation: Operation = await this.commands.execute(new TakeBackup(by));
    reply.header('location', `/v1/operations/${operation.id}`);
    return operation;
  }

  /** The backups that there are, newest first. */
  @Get()
  async list(@By() by: Caller): Promise<BackupPage> {
    const items: ListedBackup[] = await this.queries.execute(new ListBackups(by));
    return { items, next_cursor: null };
  }
}
