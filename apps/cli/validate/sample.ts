import { parseExposition } from './exposition.js';
import { measuresOf, type Measures } from './measures.js';

/** What one look at one process saw. A line of JSON each: the evidence that a report is made of. */
export interface Sample {
  at: string;
  url: string;
  /** It said that requests should be sent to it. */
  ready: boolean;
  /** Why not, in its words or those of the connection. */
  reasons: string[];
  /** How long that answer took, in milliseconds. */
  answered_ms: number | null;
  version: string | null;
  /** Sessions written to within the last minute; at most as many as one page holds. */
  sessions: number | null;
  /** `null` where the metrics could not be had. */
  measures: Measures | null;
}

/** How long an answer may take before it counts as none, in milliseconds. */
const PATIENCE = 5000;
/** Sessions that one look counts at most. */
export const COUNTED_SESSIONS = 1000;

export async function look(url: string, headers: Record<string, string>): Promise<Sample> {
  const at = new Date();
  const begin = performance.now();
  const ready = await readiness(url, headers);
  const answered = performance.now() - begin;
  const [page, sessions] = await Promise.all([
    ask(`${url}/metrics`, headers).then((answer) => answer?.text),
    recentSessions(url, headers, at.getTime() - 60_000),
  ]);
  const series = page === undefined ? undefined : parseExposition(page);
  return {
    at: at.toISOString(),
    url,
    ready: ready.ok,
    reasons: ready.reasons,
    answered_ms: ready.heard ? Math.round(answered * 10) / 10 : null,
    version: series?.find(({ name }) => name === 'abathur_build_info')?.labels['version'] ?? null,
    sessions,
    measures: series === undefined ? null : measuresOf(series),
  };
}

async function readiness(
  url: string,
  headers: Record<string, string>,
): Promise<{ ok: boolean; heard: boolean; reasons: string[] }> {
  try {
    const response = await fetch(`${url}/health/ready`, { headers, signal: AbortSignal.timeout(PATIENCE) });
    const body = (await response.json().catch(() => ({}))) as { reasons?: string[] };
    const reasons = response.ok ? [] : (body.reasons ?? [`it answered ${response.status}`]);
    return { ok: response.ok, heard: true, reasons };
  } catch (error) {
    const { name, message, cause } = error as Error & { cause?: { code?: string } };
    const reason = name === 'TimeoutError' ? `no answer within ${PATIENCE / 1000} s` : (cause?.code ?? message);
    return { ok: false, heard: false, reasons: [reason] };
  }
}

async function recentSessions(url: string, headers: Record<string, string>, since: number): Promise<number | null> {
  const answer = await ask(`${url}/v1/sessions?limit=${COUNTED_SESSIONS}`, headers);
  if (answer === undefined) return null;
  const { items } = JSON.parse(answer.text) as { items: { last_update_time: string }[] };
  return items.filter(({ last_update_time: updated }) => Date.parse(updated) >= since).length;
}

async function ask(url: string, headers: Record<string, string>): Promise<{ text: string } | undefined> {
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(PATIENCE) });
    const text = await response.text();
    return response.ok ? { text } : undefined;
  } catch {
    return undefined;
  }
}
