import { connect } from 'node:net';

/** An answer as it came over the socket. */
export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/** A request as bytes: HTTP clients are too polite for what is to be sent here. */
export interface RawRequest {
  method?: string;
  path?: string;
  /** Lines as they stand; `Host`, `Connection` and, with a body, `Content-Length` come by themselves. */
  headers?: string[];
  body?: string | Buffer;
}

export function spell({ method = 'GET', path = '/', headers = [], body }: RawRequest): Buffer {
  const has = (name: string): boolean => headers.some((line) => line.toLowerCase().startsWith(`${name}:`));
  const own = [
    ...(has('host') ? [] : ['Host: 127.0.0.1']),
    'Connection: close',
    ...(body === undefined || has('content-length') || has('transfer-encoding')
      ? []
      : [`Content-Length: ${Buffer.byteLength(body)}`]),
  ];
  const head = `${method} ${path} HTTP/1.1\r\n${[...own, ...headers].join('\r\n')}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body ?? '')]);
}

/** Sends bytes and reads until the server closes; `undefined` when it closed without a word. */
export function exchange(port: number, bytes: Buffer | string, patience = 20_000): Promise<RawAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(received.length === 0 ? undefined : parse(Buffer.concat(received)));
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`No end of an answer after ${patience} ms: ${Buffer.concat(received).toString()}`));
    }, patience);
    socket.on('data', (chunk) => received.push(chunk));
    socket.on('end', finish);
    // A server that has refused need not read the rest.
    socket.on('error', finish);
    socket.write(bytes);
  });
}

function parse(bytes: Buffer): RawAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  ) as Record<string, string>;
  const rest = bytes.subarray(end + 4);
  const body = headers['transfer-encoding'] === 'chunked' ? unchunk(rest) : rest;
  return { status: Number(first.split(' ')[1]), headers, text: body.toString() };
}

function unchunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const line = bytes.indexOf('\r\n', at);
    const size = line < 0 ? 0 : Number.parseInt(bytes.subarray(at, line).toString(), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
