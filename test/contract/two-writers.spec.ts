import { inTurns } from '../support/audit-logs.js';
import { auditLogContract } from './audit-log.contract.js';

auditLogContract('written by two in turns', inTurns);
