import type { CreatedKey, NewKey } from '#access';
import { abathur } from './cli.js';
import { startServer, temporaryDirectory, type TestServer } from './server.js';

export interface KeyedServer extends TestServer {
  /** The key of an operator. */
  operator: string;
  /** Makes a key, and returns its text. */
  key(asked: NewKey): Promise<string>;
}

/** A server that asks for keys; its first one was made on the file, before it started. */
export async function startKeyedServer(environment: Record<string, string> = {}): Promise<KeyedServer> {
  const directory = temporaryDirectory();
  const ABATHUR_DB_PATH = `${directory}/abathur.db`;
  const made = await abathur(['keys', 'create', '--role', 'operator', '--json'], { ABATHUR_DB_PATH });
  const { key: operator } = JSON.parse(made.out) as { key: string };
  const server = await startServer({ ABATHUR_AUTH: 'keys', ...environment }, directory);
  return {
    ...server,
    operator,
    key: async (asked) => {
      const response = await fetch(`${server.url}/v1/admin/keys`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${operator}` },
        body: JSON.stringify(asked),
      });
      const body = (await response.json()) as CreatedKey;
      if (response.status !== 201) throw new Error(JSON.stringify(body));
      return body.key!;
    },
  };
}
