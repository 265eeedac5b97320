import { Module } from '@nestjs/common';
import { memoryCommandHandlers } from './memory.commands.js';
import { memoryQueryHandlers } from './memory.queries.js';

@Module({ providers: [...memoryCommandHandlers, ...memoryQueryHandlers] })
export class MemoriesModule {}

export {
  BatchMemories,
  DeleteMemory,
  ExpireMemories,
  ImportMemories,
  PublishMemory,
  RestoreMemory,
  WriteMemory,
  type ExpiredMemories,
  type MemoryOperationInput,
  type WriteInput,
  type WrittenMemory,
} from './memory.commands.js';
export {
  DiffMemory,
  ExportMemories,
  GetMemory,
  ListMemories,
  ListMemoryVersions,
  ListNamespaces,
  SearchMemories,
} from './memory.queries.js';
