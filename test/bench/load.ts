import { connect, type Socket } from 'node:net';

export interface LoadResult {
  /** Answers per second. */
  rate: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Answers that were not 2xx, and connections that broke. */
  failed: number;
}

/** Text of an HTTP request; a new one for each sending. */
export type RequestText = () => string;

let unique = 0;

/** `POST /v1/memories` with a fresh key each, spread over a thousand users. */
export const addMemory: RequestText = () => addMemoryWith('');

/** The same with headers, each line ended. */
export const addMemoryWith = (headers: string): string => {
  const n = unique++;
  const body = {
    namespace: `user:bench${n % 1000}`,
    key: `k${n}`,
    value: { text: 'The quick brown fox jumps over the lazy dog.', n },
    metadata: { source: 'bench' },
  };
  return post('/v1/memories', body, headers);
};

export const get = (path: string, headers = ''): RequestText => {
  const text = `GET ${path} HTTP/1.1\r\nHost: bench\r\n${headers}\r\n`;
  return () => text;
};

export function post(path: string, body: unknown, headers = ''): string {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n${headers}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

/**
 * Drives a server with so many connections, each sending its next request when the last is answered. Written on bare
 * sockets, because on two cores a load generator takes from the server what it costs itself: this one costs a third
 * of what a full HTTP client does.
 */
export async function drive(
  url: string,
  request: RequestText,
  { connections = 64, seconds = 5 } = {},
): Promise<LoadResult> {
  const { hostname, port } = new URL(url);
  const latencies: number[] = [];
  const begin = performance.now();
  const end = begin + seconds * 1000;
  let failed = 0;
  await Promise.all(
    Array.from({ length: connections }, () => {
      const socket = connect(Number(port), hostname).setNoDelay();
      return converse(socket, request, end, (milliseconds, status) => {
        if (status < 200 || status > 299) failed += 1;
        else latencies.push(milliseconds);
      }).catch(() => (failed += 1));
    }),
  );
  const rate = latencies.length / ((performance.now() - begin) / 1000);
  latencies.sort((a, b) => a - b);
  const at = (q: number): number => latencies[Math.floor(latencies.length * q)] ?? Number.NaN;
  return { rate, p50: at(0.5), p99: at(0.99), failed };
}

function converse(
  socket: Socket,
  request: RequestText,
  end: number,
  answered: (milliseconds: number, status: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = '';
    let sent = 0;
    const send = (): void => {
      if (performance.now() >= end) {
        socket.destroy();
        return resolve();
      }
      sent = performance.now();
      socket.write(request());
    };
    socket.setEncoding('latin1');
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      received += chunk as unknown as string;
      const head = received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(received.slice(0, head))?.[1] ?? 0);
      if (received.length < head + 4 + length) return;
      const status = Number(received.slice(9, 12));
      received = received.slice(head + 4 + length);
      answered(performance.now() - sent, status);
      send();
    });
  });
}

export interface Offered {
  /** What was let in and done: per second, and its latency in milliseconds. */
  rate: number;
  p50: number;
  p99: number;
  sent: number;
  /** Answers by status; `broken` are connections that ended without one. */
  statuses: Record<string, number>;
}

interface Wire {
  socket: Socket;
  sent: number;
  received: string;
  busy: boolean;
}

/**
 * Offers so many requests a second, whether the server keeps up or not: who is not answered does not hold up the next
 * one, as with users who do not know of each other.
 */
export async function offer(
  url: string,
  request: RequestText,
  { rate, seconds }: { rate: number; seconds: number },
): Promise<Offered> {
  const { hostname, port } = new URL(url);
  const idle: Wire[] = [];
  const wires: Wire[] = [];
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  const count = (status: string): number => (statuses[status] = (statuses[status] ?? 0) + 1);
  const open = (): Wire => {
    const wire: Wire = { socket: connect(Number(port), hostname).setNoDelay(), sent: 0, received: '', busy: false };
    wire.socket.setEncoding('latin1');
    wire.socket.on('data', (chunk) => receive(wire, chunk as unknown as string));
    wire.socket.on('error', () => wire.socket.destroy());
    wire.socket.on('close', () => {
      if (wire.busy) count('broken');
      wire.busy = false;
    });
    wires.push(wire);
    return wire;
  };
  const receive = (wire: Wire, chunk: string): void => {
    wire.received += chunk;
    const head = wire.received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(wire.received.slice(0, head))?.[1] ?? 0);
    if (wire.received.length < head + 4 + length) return;
    const status = wire.received.slice(9, 12);
    wire.received = '';
    wire.busy = false;
    count(status);
    if (status.startsWith('2')) latencies.push(performance.now() - wire.sent);
    idle.push(wire);
  };
  const begin = performance.now();
  let sent = 0;
  while (performance.now() - begin < seconds * 1000) {
    const due = Math.floor(((performance.now() - begin) / 1000) * rate);
    for (; sent < due; sent++) {
      const wire = idle.findLast(({ socket }) => !socket.destroyed) ?? open();
      if (idle.at(-1) === wire) idle.pop();
      else idle.length = 0;
      wire.busy = true;
      wire.sent = performance.now();
      wire.socket.write(request());
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  while (wires.some(({ busy }) => busy)) await new Promise((resolve) => setTimeout(resolve, 10));
  const done = latencies.length / ((performance.now() - begin) / 1000);
  for (const { socket } of wires) socket.destroy();
  latencies.sort((a, b) => a - b);
  const at = (q: number): number => latencies[Math.floor(latencies.length * q)] ?? Number.NaN;
  return { rate: done, p50: at(0.5), p99: at(0.99), sent, statuses };
}
