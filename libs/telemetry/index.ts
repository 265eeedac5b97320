export { Log, LOG_LEVELS, type LogLevel } from './log.js';
export { Metrics } from './metrics.js';
