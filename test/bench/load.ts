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
export const addMemory: RequestText = () => {
  const n = unique++;
  return post('/v1/memories', {
    namespace: `user:bench${n % 1000}`,
    key: `k${n}`,
    value: { text: 'The quick brown fox jumps over the lazy dog.', n },
    metadata: { source: 'bench' },
  });
};

export const get = (path: string): RequestText => {
  const text = `GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`;
  return () => text;
};

export function post(path: string, body: unknown): string {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
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
