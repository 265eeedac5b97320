import { behindWriterThreads } from '../support/audit-logs.js';
import { auditLogContract } from './audit-log.contract.js';

auditLogContract('behind its writer thread', behindWriterThreads);
