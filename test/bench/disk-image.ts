import { spawnSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const mounted = new Set<string>();
process.on('exit', () => mounted.forEach((at) => spawnSync('umount', ['-l', at])));

/**
 * A small disk of its own: a file with ext4 in it, mounted. What a program has not synced is in the memory of the
 * system and not in that file, as it would be on a disk whose power is cut.
 */
export class DiskImage {
  private constructor(
    readonly file: string,
    /** Where its files are. */
    readonly at: string,
  ) {}

  /** `undefined` where this may not be done: mounting takes root, and devices for it. */
  static make(directory: string, megabytes: number): DiskImage | undefined {
    const file = join(directory, 'disk.img');
    writeFileSync(file, '');
    truncateSync(file, megabytes * 1024 * 1024);
    const made = spawnSync('mkfs.ext4', ['-q', '-F', file], {
      env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
    });
    return made.status === 0 ? DiskImage.mount(file, join(directory, 'disk')) : undefined;
  }

  /** By itself it writes nothing for five minutes: what is on the disk was asked for. */
  static mount(file: string, at: string, options = 'loop,commit=300'): DiskImage | undefined {
    mkdirSync(at, { recursive: true });
    if (spawnSync('mount', ['-o', options, file, at]).status !== 0) return undefined;
    mounted.add(at);
    return new DiskImage(file, at);
  }

  /** The disk as it would be found if the power went now. Who writes to it has to stand still. */
  cutInto(file: string): void {
    run('cp', ['--sparse=always', this.file, file]);
  }

  /** From now on it takes no writes, as after errors of a real disk. */
  fail(): void {
    run('mount', ['-o', 'remount,abort', this.at]);
  }

  unmount(): void {
    run('umount', [this.at]);
    mounted.delete(this.at);
  }
}

function run(command: string, args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
