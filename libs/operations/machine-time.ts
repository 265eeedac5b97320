import { uptime } from 'node:os';

/**
 * Seconds since the machine started. Leases and signs of life are counted in these: all processes on a file share the
 * machine, and no clock step moves them. One that lies in the future is from before the machine started anew.
 */
export const machineSeconds = (): number => Math.floor(uptime());
