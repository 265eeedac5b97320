import { Module } from '@nestjs/common';
import { contextCommandHandlers } from './context.commands.js';
import { contextQueryHandlers } from './context.queries.js';

@Module({ providers: [...contextCommandHandlers, ...contextQueryHandlers] })
export class ContextModule {}
