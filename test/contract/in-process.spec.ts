import { inProcess } from '../support/audit-logs.js';
import { auditLogContract } from './audit-log.contract.js';

auditLogContract('in process', inProcess);
