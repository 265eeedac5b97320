import { Module } from '@nestjs/common';
import { consolidationHandlers } from './consolidation.commands.js';
import { memoryCommandHandlers } from './memory.commands.js';
import { memoryQueryHandlers } from './memory.queries.js';
import { quarantineHandlers } from './quarantine.commands.js';

@Module({
  providers: [...memoryCommandHandlers, ...memoryQueryHandlers, ...consolidationHandlers, ...quarantineHandlers],
})
export class MemoriesModule {}

export {
  ArchiveMemories,
  ArchiveMemory,
  ConsolidateMemories,
  GetConflict,
  ListConflicts,
  ResolveConflict,
  SummariseEpisodes,
} from './consolidation.commands.js';
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
export { GetQuarantine, ImposeQuarantine, LiftQuarantine, ListQuarantines } from './quarantine.commands.js';
