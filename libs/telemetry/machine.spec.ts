import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { lookAtMachine, lookAtProcess } from './machine.js';

describe('The machine', () => {
  let proc: string;
  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'abathur-proc-'));
  });
  afterEach(() => rmSync(proc, { recursive: true }));
  const write = (name: string, lines: string[]): void => writeFileSync(join(proc, name), `${lines.join('\n')}\n`);

  it('is what Linux tells of it', () => {
    write('stat', ['cpu  100 20 300 4000 50 6 7 8 9 10', 'cpu0 1 2 3', 'intr 5']);
    write('meminfo', ['MemTotal:       1000 kB', 'MemFree:    10 kB', 'MemAvailable:    400 kB']);
    write('loadavg', ['1.50 1.00 0.50 1/100 99']);
    expect(lookAtMachine(proc)).toMatchObject({
      cpu: { user: 1, nice: 0.2, system: 3, idle: 40, iowait: 0.5, irq: 0.06, softirq: 0.07, steal: 0.08 },
      memory: { total: 1_024_000, available: 409_600 },
      load: 1.5,
    });
  });

  it('counts whole disks once, not their partitions and what lies on them', () => {
    write('diskstats', [
      '   7  0 loop0 1 1 1000 1 1 1 1000 1 0 1 1',
      ' 254  0 vda 10 0 2000 5 20 0 4000 5 0 1500 10',
      ' 254  1 vda1 10 0 2000 5 20 0 4000 5 0 1500 10',
      ' 259  0 nvme0n1 1 0 8 5 1 0 16 5 0 500 10',
      ' 259  1 nvme0n1p1 1 0 8 5 1 0 16 5 0 500 10',
      ' 252  0 dm-0 1 0 8 5 1 0 16 5 0 500 10',
    ]);
    expect(lookAtMachine(proc)).toMatchObject({ disk: { read: 2008 * 512, written: 4016 * 512 }, diskBusy: 1.5 });
  });

  it('counts what goes over its interfaces, not what it tells itself', () => {
    mkdirSync(join(proc, 'net'));
    write('net/dev', [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs',
      '    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0',
      '  eth0: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0',
      'wlan0:1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0',
    ]);
    expect(lookAtMachine(proc).network).toEqual({ received: 101, sent: 202 });
  });

  it('is zeros where nothing is told', () => {
    expect(lookAtMachine(join(proc, 'nothing'))).toMatchObject({ memory: { total: 0 }, disk: { read: 0 }, load: 0 });
    expect(lookAtProcess(join(proc, 'nothing'))).toEqual({ read: 0, written: 0, minorFaults: 0, majorFaults: 0 });
  });

  it('tells of a process what it had from the storage itself, whatever the program is called', () => {
    write('io', ['rchar: 5', 'wchar: 6', 'read_bytes: 4096', 'write_bytes: 8192', 'cancelled_write_bytes: 1']);
    write('stat', ['42 (a ) b) S 1 42 42 0 -1 4194560 77 0 3 0 1 1 0 0']);
    expect(lookAtProcess(proc)).toEqual({ read: 4096, written: 8192, minorFaults: 77, majorFaults: 3 });
  });
});
