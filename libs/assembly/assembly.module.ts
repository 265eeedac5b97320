import { Module, type DynamicModule } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { AuditLogModule } from '#audit-log/module';
import { LogSigner, SqliteAuditLog } from '#audit-log';
import { Backups } from '#backup';
import { BackupModule } from '#backup/module';
import { FolderSync } from '#documents';
import { DocumentsModule } from '#documents/module';
import { Jobs } from '#jobs';
import { MemoriesModule } from '#memories/module';
import { Operations } from '#operations';
import { SessionsModule } from '#sessions/module';
import { Meaning, OllamaChat, SearchIds } from '#search';
import { SearchModule } from '#search/module';
import { ReaderPool, ReadSide } from '#storage';
import { Log, Metrics } from '#telemetry';
import { auditorHandlers } from './auditors.js';
import { WorkModule } from '#work/module';
import { Config } from './config.js';
import { ContextModule } from './context.module.js';
import type { House } from './house.js';
import { Rebuilds } from './rebuilds.js';
import { learningHandlers } from './learning.commands.js';

/** An open house as Nest providers: the tokens are the classes themselves. */
@Module({})
export class AssemblyModule {
  static for(house: House): DynamicModule {
    const providers = [
      { provide: Config, useValue: house.config },
      { provide: Log, useValue: house.log },
      { provide: Metrics, useValue: house.metrics },
      { provide: ReadSide, useValue: house.reads },
      { provide: ReaderPool, useValue: house.pool },
      { provide: Meaning, useValue: house.meaning },
      { provide: OllamaChat, useValue: house.chat },
      { provide: FolderSync, useValue: house.folders },
      { provide: Operations, useValue: house.operations },
      { provide: Rebuilds, useValue: house.rebuilds },
      { provide: Backups, useValue: house.backups },
      { provide: Jobs, useValue: house.jobs },
      { provide: SearchIds, useValue: house.searchIds },
      { provide: SqliteAuditLog, useValue: house.auditLog },
      { provide: LogSigner, useValue: house.signer },
    ];
    return {
      module: AssemblyModule,
      global: true,
      imports: [
        CqrsModule.forRoot(),
        AuditLogModule,
        SessionsModule,
        MemoriesModule,
        DocumentsModule,
        WorkModule,
        SearchModule,
        ContextModule,
        BackupModule,
      ],
      providers: [...providers, ...auditorHandlers, ...learningHandlers],
      exports: [...providers.map(({ provide }) => provide), CqrsModule],
    };
  }
}

export { SynthesizeContext, type SynthesizedContext } from './context.commands.js';
export { GetContext, ListContexts, ListTaintedContexts, type GivenContext } from './context.queries.js';
export type { TaintedContext } from './context.recorded.js';
export {
  DiffLog,
  DiffLogHandler,
  RevertOperation,
  RevertOperationHandler,
  WhyMemory,
  WhyMemoryHandler,
  type DiffPage,
  type RevertResult,
} from './auditors.js';
export {
  GetProcedureOutcomes,
  RefineProcedure,
  RollBackProcedure,
  type EpisodeRef,
  type ProcedureReport,
  type Rollback,
} from './learning.commands.js';
