import { readFileSync, statSync } from 'node:fs';

/** A process that holds one of SQLite's locks, as the system tells. */
export interface Holder {
  /** 0 where the system does not say: a process of another container. */
  pid: number;
  command: string;
}

/** Who has a database open, and what they hold. */
export interface Locks {
  open: Holder[];
  /** Who may write now; everybody else's write waits. */
  writing: Holder[];
  /** Who keeps all others out. */
  alone: Holder[];
  /** Who folds the write-ahead log back. */
  checkpointing: Holder[];
  /** Who is within a read, and at which of the five marks in the shared memory. */
  reading: (Holder & { mark: number })[];
}

interface Range {
  pid: number;
  exclusive: boolean;
  first: number;
  last: number;
}

/** Bytes that SQLite locks: in the database file (pending, reserved, shared), and in the shared memory beside it. */
const PENDING = 0x40000000;
const SHARED = { first: PENDING + 2, last: PENDING + 511 };
const WRITE = 120;
const CHECKPOINT = 121;
const FIRST_MARK = 123;
const MARKS = 5;

/**
 * Reads the system's table of locks, without touching the database: looking must not wait for those that it looks for. Not
 * within a process that has the database open: closing a file gives back all locks of its process on it.
 */
export function locksOf(path: string): Locks {
  const table = readFileSync('/proc/locks', 'utf8');
  const [file, memory] = [rangesOf(table, path), rangesOf(table, `${path}-shm`)];
  const on = (ranges: Range[], first: number, last = first): Range[] =>
    ranges.filter((range) => range.first <= last && range.last >= first);
  const exclusive = (ranges: Range[]): Range[] => ranges.filter((range) => range.exclusive);
  return {
    open: holders(on(file, SHARED.first, SHARED.last)),
    alone: holders(exclusive(on(file, PENDING, SHARED.last))),
    writing: holders(exclusive(on(memory, WRITE))),
    checkpointing: holders(exclusive(on(memory, CHECKPOINT))),
    reading: Array.from({ length: MARKS }, (_, mark) =>
      holders(on(memory, FIRST_MARK + mark).filter((range) => !range.exclusive)).map((holder) => ({ ...holder, mark })),
    ).flat(),
  };
}

/** Lines as `1: POSIX  ADVISORY  READ 4711 fe:00:2171786 124 124`; what waits has an arrow and holds nothing. */
const LINE = /^\d+: (?:POSIX|OFDLCK)\s+\w+\s+(READ|WRITE)\s+(-?\d+) (\S+) (\d+) (\d+|EOF)$/;

function rangesOf(table: string, path: string): Range[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  const file = `${hex(major(found.dev))}:${hex(minor(found.dev))}:${found.ino}`;
  return table.split('\n').flatMap((line) => {
    const [, kind, pid, of, first, last] = LINE.exec(line) ?? [];
    if (of !== file) return [];
    const end = last === 'EOF' ? Number.MAX_SAFE_INTEGER : Number(last);
    return [{ pid: Math.max(0, Number(pid)), exclusive: kind === 'WRITE', first: Number(first), last: end }];
  });
}

const hex = (number: number): string => number.toString(16).padStart(2, '0');
const major = (device: number): number => (device >>> 8) & 0xfff;
const minor = (device: number): number => (device & 0xff) | ((device >>> 12) & 0xfff00);

function holders(ranges: Range[]): Holder[] {
  return [...new Set(ranges.map(({ pid }) => pid))].map((pid) => ({ pid, command: commandOf(pid) }));
}

const LONGEST = 100;

function commandOf(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      .replaceAll(/[\s\0]+/g, ' ')
      .trim();
    return words.length > LONGEST ? `${words.slice(0, LONGEST)}…` : words;
  } catch {
    return '';
  }
}
