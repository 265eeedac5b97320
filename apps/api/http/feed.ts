import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';

/** What goes out as one server-sent event. */
export interface FeedItem {
  id: number;
  event: string;
  data: unknown;
}

/** How often a silent feed shows that it is alive, in milliseconds. */
const HEARTBEAT = 15_000;

/** Server-sent events (WHATWG HTML, section 9.2) from an endless sequence; ends when the signal aborts. */
export function serverSentEvents(items: AsyncIterable<FeedItem>, signal: AbortSignal): Readable {
  const out = new PassThrough();
  const heartbeat = setInterval(() => out.write(': alive\n\n'), HEARTBEAT);
  out.write('retry: 1000\n\n');
  pump(items, out, signal)
    .catch((error: Error) => out.destroy(error))
    .finally(() => {
      clearInterval(heartbeat);
      out.end();
    });
  return out;
}

async function pump(items: AsyncIterable<FeedItem>, out: PassThrough, signal: AbortSignal): Promise<void> {
  for await (const { id, event, data } of items) {
    if (!out.writable) return;
    // A slow reader slows the reading of the log, not the memory of the process.
    const more = out.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    if (!more) await once(out, 'drain', { signal }).catch(() => undefined);
  }
}
