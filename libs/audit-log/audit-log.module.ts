import { Module } from '@nestjs/common';
import { auditQueryHandlers } from './audit.queries.js';

@Module({ providers: auditQueryHandlers })
export class AuditLogModule {}

export { ExportAuditLog, GetAuditEvent, GetAuditHead, ListAuditEvents, VerifyAuditLog } from './audit.queries.js';
