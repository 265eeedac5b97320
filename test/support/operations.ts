import type { TestServer } from './server.js';
import { until } from './until.js';

export interface EndedOperation {
  kind: string;
  status: string;
  error: string | null;
  result: unknown;
}

/** An operation once it has ended. */
export async function ended({ url }: Pick<TestServer, 'url'>, id: string, headers = {}): Promise<EndedOperation> {
  const look = async (): Promise<EndedOperation | undefined> => {
    const response = await fetch(`${url}/v1/operations/${id}`, { headers });
    const operation = (await response.json()) as EndedOperation;
    return operation.status === 'running' ? undefined : operation;
  };
  return until(`operation ${id} ends`, look, { every: 10 });
}
