export { Log, LOG_LEVELS, type LogLevel } from './log.js';
export { CPU_MODES, lookAtMachine, lookAtProcess, type Machine, type ProcessIo } from './machine.js';
export { born, counterAt, Metrics } from './metrics.js';
export { QuickHistogram } from './quick-histogram.js';
