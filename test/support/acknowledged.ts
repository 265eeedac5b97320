import { setTimeout as sleep } from 'node:timers/promises';

/** Writes that the server has said are kept, and whether they still are. */
export class Acknowledged {
  private readonly kept = new Map<string, string>();

  get size(): number {
    return this.kept.size;
  }

  /** Writes memories one after the other, and remembers those that were acknowledged. */
  async write(url: string, namespace: string, count: number, text = (n: number): string => `fact ${n}`): Promise<void> {
    for (let n = 0; n < count; n++) await this.put(url, namespace, `k${n}`, { text: text(n) });
  }

  /** Writes one; whether it was acknowledged. */
  async put(url: string, namespace: string, key: string, value: object): Promise<number> {
    const address = `/v1/memories/${encodeURIComponent(namespace)}/${encodeURIComponent(key)}`;
    const answer = await fetch(url + address, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ value }),
    });
    await answer.arrayBuffer();
    if (answer.ok) this.kept.set(address, JSON.stringify(value));
    return answer.status;
  }

  /** Those that are not there any more, or say something else. */
  async lost(url: string): Promise<string[]> {
    const lost: string[] = [];
    for (const [address, value] of this.kept) {
      const answer = await patient(url + address);
      const body = (await answer.json()) as { value?: object };
      if (JSON.stringify(body.value) !== value) lost.push(`${address}: ${answer.status} ${JSON.stringify(body)}`);
    }
    return lost;
  }
}

/** A busy server is asked again. */
async function patient(url: string): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(url);
    if (answer.status !== 503 || attempt === 20) return answer;
    await answer.arrayBuffer();
    await sleep(100);
  }
}
