import { readFileSync } from 'node:fs';

/** Jiffies per second, as `/proc` counts processor time: fixed by the kernel's interface on every machine that Node runs on. */
const TICKS = 100;
/** `/proc/diskstats` counts sectors of this size, whatever the disk's own are. */
const SECTOR = 512;

/** What the processors of the machine spent their time on. */
export const CPU_MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const;
export type CpuMode = (typeof CPU_MODES)[number];

export interface Machine {
  /** Seconds since it started, of all processors together. */
  cpu: Record<CpuMode, number>;
  memory: { total: number; available: number };
  /** Bytes that its disks read and wrote, all together. */
  disk: { read: number; written: number };
  /** Seconds in which a disk was busy, of the busiest one. */
  diskBusy: number;
  /** Bytes over all interfaces but the one to itself. */
  network: { received: number; sent: number };
  load: number;
}

/** What this process did with the disk, as the system counts it. */
export interface ProcessIo {
  /** Bytes that came from, and went to, the storage itself; not those that memory had already. */
  read: number;
  written: number;
  /** Pages that were in memory already, and those that had to be waited for. */
  minorFaults: number;
  majorFaults: number;
}

/** The machine as Linux tells of it; zeros where it does not. */
export function lookAtMachine(proc = '/proc'): Machine {
  const look = (name: string): string[] => lines(`${proc}/${name}`);
  const [, ...jiffies] = (look('stat')[0] ?? '').split(/\s+/);
  const memory = new Map(look('meminfo').map((line) => line.split(/:\s+/) as [string, string]));
  const kilobytes = (name: string): number => Number.parseInt(memory.get(name) ?? '0', 10) * 1024;
  const disks = look('diskstats')
    .map(fields)
    .filter(([, , name]) => isWholeDisk(name ?? ''));
  const interfaces = look('net/dev')
    .slice(2)
    .map((line) => fields(line.replace(':', ' ')))
    .filter(([name]) => name !== 'lo');
  const sum = (rows: string[][], column: number): number =>
    rows.reduce((total, row) => total + (Number(row[column]) || 0), 0);
  return {
    cpu: Object.fromEntries(
      CPU_MODES.map((mode, index) => [mode, (Number(jiffies[index]) || 0) / TICKS]),
    ) as Machine['cpu'],
    memory: { total: kilobytes('MemTotal'), available: kilobytes('MemAvailable') },
    disk: { read: sum(disks, 5) * SECTOR, written: sum(disks, 9) * SECTOR },
    diskBusy: Math.max(0, ...disks.map((row) => Number(row[12]) || 0)) / 1000,
    network: { received: sum(interfaces, 1), sent: sum(interfaces, 9) },
    load: Number.parseFloat(look('loadavg')[0] ?? '0'),
  };
}

export function lookAtProcess(proc = '/proc/self'): ProcessIo {
  const io = new Map(lines(`${proc}/io`).map((line) => line.split(': ') as [string, string]));
  // The name of the program stands in parentheses, and may hold anything.
  const [stat = ''] = lines(`${proc}/stat`);
  const after = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    read: Number(io.get('read_bytes') ?? 0),
    written: Number(io.get('write_bytes') ?? 0),
    minorFaults: Number(after[7] ?? 0),
    majorFaults: Number(after[9] ?? 0),
  };
}

/** Not a part of one, nor something that only looks like one: its bytes would be counted twice. */
const isWholeDisk = (name: string): boolean =>
  /^(?:sd[a-z]+|[vx]d[a-z]+|xvd[a-z]+|hd[a-z]+|nvme\d+n\d+|mmcblk\d+)$/.test(name);

const fields = (line: string): string[] => line.trim().split(/\s+/);

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}
