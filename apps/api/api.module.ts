import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { type House } from '#assembly';
import { AssemblyModule } from '#assembly/module';
import { AgentsController } from './agents.controller.js';
import { AuditController } from './audit.controller.js';
import { AuditorsController } from './auditors.controller.js';
import { ContextController } from './context.controller.js';
import { BackupsController } from './backups.controller.js';
import { DatabaseController } from './database.controller.js';
import { DocumentsController } from './documents.controller.js';
import { ErasuresController } from './erasures.controller.js';
import { HealthController, HOUSE } from './health.controller.js';
import { Gate } from './http/gate.js';
import { KeysController } from './keys.controller.js';
import { Draining } from './http/draining.js';
import { ProblemFilter } from './http/problem.filter.js';
import { IntegrityController } from './integrity.controller.js';
import { JobsController } from './jobs.controller.js';
import { ConsolidationController } from './consolidation.controller.js';
import { LearningController } from './learning.controller.js';
import { MemoriesController } from './memories.controller.js';
import { NamespacesController } from './namespaces.controller.js';
import { OperationsController } from './operations.controller.js';
import { ProjectionsController } from './projections.controller.js';
import { QuarantinesController } from './quarantines.controller.js';
import { SearchController } from './search.controller.js';
import { SessionsController } from './sessions.controller.js';
import { TasksController } from './tasks.controller.js';

@Module({})
export class ApiModule {
  static for(house: House): DynamicModule {
    return {
      module: ApiModule,
      imports: [AssemblyModule.for(house)],
      controllers: [
        SessionsController,
        MemoriesController,
        ConsolidationController,
        LearningController,
        NamespacesController,
        ContextController,
        DocumentsController,
        TasksController,
        AgentsController,
        OperationsController,
        ProjectionsController,
        JobsController,
        KeysController,
        SearchController,
        AuditController,
        IntegrityController,
        AuditorsController,
        BackupsController,
        ErasuresController,
        QuarantinesController,
        DatabaseController,
        HealthController,
      ],
      providers: [
        Draining,
        { provide: Gate, useValue: new Gate(house) },
        { provide: HOUSE, useValue: house },
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
    };
  }
}
