import type { TestServer } from './server.js';

/** An operation once it has ended. */
export async function ended(
  { url }: TestServer,
  id: string,
): Promise<{ kind: string; status: string; result: unknown }> {
  for (;;) {
    const response = await fetch(`${url}/v1/operations/${id}`);
    const operation = (await response.json()) as { kind: string; status: string; result: unknown };
    if (operation.status !== 'running') return operation;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
