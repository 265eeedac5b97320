import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './server.js';

export type Behaviour =
  'fine' | 'slow' | 'error' | 'drop' | 'dimensions' | 'not-numbers' | 'zeros' | 'missing' | 'html' | 'redirect';

/** What `/api/chat` is asked. */
export interface Chat {
  model: string;
  stream: boolean;
  messages: { role: string; content: string }[];
  format: object;
}

/** A server that speaks Ollama's `/api/embed` and `/api/chat`, and can be made to fail in every way that a server can. */
export interface OllamaDouble {
  url: string;
  behaviour: Behaviour;
  /** Milliseconds that an answer takes. */
  delay: number;
  /** Texts that hold this spoil every call that they are in. */
  poison: string | null;
  /** How often each text was given a vector. */
  embedded: Map<string, number>;
  /** What the model says: an object as JSON, a text as it is. */
  answer: unknown;
  /** What it was asked. */
  chats: Chat[];
  /** Calls that came in, whatever became of them. */
  calls: number;
  /** Most texts that one call brought, and most calls at once. */
  most: { texts: number; calls: number };
  close(): Promise<void>;
}

const DIMENSIONS: Record<string, number> = { 'nomic-embed-text': 768, 'other-model': 384 };

export async function startOllama(): Promise<OllamaDouble> {
  const port = await freePort();
  let underWay = 0;
  const server = createServer((request, response) => {
    underWay += 1;
    double.calls += 1;
    double.most.calls = Math.max(double.most.calls, underWay);
    response.once('close', () => (underWay -= 1));
    answer(double, request, response).catch(() => response.destroy());
  });
  const double: OllamaDouble = {
    url: `http://127.0.0.1:${port}`,
    behaviour: 'fine',
    delay: 0,
    poison: null,
    embedded: new Map(),
    answer: {},
    chats: [],
    calls: 0,
    most: { texts: 0, calls: 0 },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return double;
}

async function answer(double: OllamaDouble, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const asked = JSON.parse(Buffer.concat(chunks).toString()) as Chat & { input?: string | string[] };
  const { model, input = [] } = asked;
  const chat = request.url === '/api/chat';
  if (chat) double.chats.push(asked);
  const texts = [input].flat();
  const { behaviour, poison } = double;
  double.most.texts = Math.max(double.most.texts, texts.length);
  if (double.delay > 0) await sleep(double.delay);
  if (behaviour === 'slow') await sleep(5_000, undefined, { ref: false });
  if (behaviour === 'drop') return void request.socket.destroy();
  if (behaviour === 'error') return send(response, 500, { error: 'llama runner process has terminated' });
  if (behaviour === 'redirect') {
    response.setHeader('location', 'http://127.0.0.1:1/');
    return send(response, 302, {});
  }
  if (behaviour === 'html') {
    response.setHeader('content-type', 'text/html');
    return void response.end('<html><body>Sign in to the network</body></html>');
  }
  if (chat && behaviour !== 'missing') {
    const content = typeof double.answer === 'string' ? double.answer : JSON.stringify(double.answer);
    return send(response, 200, { model, message: { role: 'assistant', content }, done: true });
  }
  const size = DIMENSIONS[model];
  if (behaviour === 'missing' || size === undefined) {
    return send(response, 404, { error: `model "${model}" not found, try pulling it first` });
  }
  if (poison !== null && texts.some((text) => text.includes(poison))) {
    return send(response, 500, { error: 'failed to encode response: json: unsupported value: NaN' });
  }
  const dimensions = behaviour === 'dimensions' ? size / 2 : size;
  const embeddings = texts.map((text) => {
    if (behaviour === 'not-numbers') return Array.from({ length: dimensions }, () => null);
    if (behaviour === 'zeros') return Array.from({ length: dimensions }, () => 0);
    return vectorOf(text, dimensions);
  });
  if (behaviour === 'fine') {
    for (const text of texts) double.embedded.set(text, (double.embedded.get(text) ?? 0) + 1);
  }
  return send(response, 200, { model, embeddings });
}

function send(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  if (!response.hasHeader('content-type')) response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
}

/** What this model knows that words do not tell. */
const SYNONYMS: Record<string, string> = { puppy: 'dog', automobile: 'car' };

/** Texts that share words are near each other; what the model is told before a text or a query is not part of it. */
function vectorOf(text: string, dimensions: number): number[] {
  const vector = Array.from({ length: dimensions }, () => 1e-6);
  const words =
    text
      .replace(/^search_(document|query): /, '')
      .toLowerCase()
      .match(/\p{L}+/gu) ?? [];
  for (const word of words) {
    const bits = createHash('sha512')
      .update(SYNONYMS[word] ?? word)
      .digest();
    for (let i = 0; i < dimensions; i++) vector[i]! += (bits[(i >> 3) % bits.length]! >> (i & 7)) & 1 ? 1 : -1;
  }
  return vector;
}
