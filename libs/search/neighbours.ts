/**
 * The neighbour share. Texts of one session belong together: what answers a query is often said just before or just
 * after the words the query uses ("Any pets?" - "Two, Luna and Oliver"). So a hit lends a share of its score to the text
 * before and the text after it, more to the one after when the hit asks a question, and the best hit of a session lends to
 * the session's other candidates (the second best to the best: nobody lends to itself). Shares join as chances do: 1 - (1 - own)(1 - lent)..., so a score stays in 0..1,
 * is never lowered, and a text without a session keeps its own score.
 */
import { byScore, type Id } from './fuse.js';

export interface Shares {
  /** Lent to the text after a hit. */
  after: number;
  /** Lent to the text after a hit that asks. */
  answer: number;
  /** Lent to the text before a hit. */
  before: number;
  /** Lent by the best hit of a session to its other texts, and by the second best to the best. */
  session: number;
}
export const DEFAULT_SHARES: Shares = { after: 0.2, answer: 0.5, before: 0.2, session: 0.35 };
export const NO_SHARES: Shares = { after: 0, answer: 0, before: 0, session: 0 };

/** Where a text stands, as the index knows it; the neighbours must have passed the same filters as the hits. */
export interface Place {
  session: string;
  before: Id | null;
  after: Id | null;
  /** {@link asksQuestion} of its text. */
  asks: boolean;
}

export interface Shared {
  id: Id;
  score: number;
  /** The score it had itself; 0 for a text found only through a neighbour. */
  own: number;
  /** What was lent, for `explain`; 0 for nothing. */
  lent: { fromBefore: number; fromAfter: number; fromSession: number };
}

/** @param hits own scores 0..1; @param places of those hits that have one. */
export function shareWithNeighbours(
  hits: readonly { id: Id; score: number }[],
  places: ReadonlyMap<Id, Place>,
  shares: Shares = DEFAULT_SHARES,
): Shared[] {
  const found = new Map<Id, Shared>();
  const sessions = new Map<Id, string>();
  const entry = (id: Id): Shared => {
    let shared = found.get(id);
    if (shared === undefined)
      found.set(id, (shared = { id, score: 0, own: 0, lent: { fromBefore: 0, fromAfter: 0, fromSession: 0 } }));
    return shared;
  };
  const best = new Map<string, [Shared, Shared?]>();
  for (const { id, score } of hits) {
    const hit = entry(id);
    hit.own = score;
    const place = places.get(id);
    if (place === undefined) continue;
    best.set(place.session, twoBest(best.get(place.session), hit));
    for (const one of [id, place.before, place.after]) if (one !== null) sessions.set(one, place.session);
    if (place.after !== null) entry(place.after).lent.fromBefore = score * (place.asks ? shares.answer : shares.after);
    if (place.before !== null) entry(place.before).lent.fromAfter = score * shares.before;
  }
  for (const shared of found.values()) {
    const [first, second] = best.get(sessions.get(shared.id) ?? '') ?? [];
    shared.lent.fromSession = shares.session * ((first === shared ? second : first)?.own ?? 0);
    const { fromBefore, fromAfter, fromSession } = shared.lent;
    shared.score = 1 - (1 - shared.own) * (1 - fromBefore) * (1 - fromAfter) * (1 - fromSession);
  }
  return [...found.values()].toSorted(byScore);
}

function twoBest(best: [Shared, Shared?] | undefined, hit: Shared): [Shared, Shared?] {
  if (best === undefined) return [hit];
  const [first, second] = best;
  if (hit.own > first.own) return [hit, first];
  return [first, second === undefined || hit.own > second.own ? hit : second];
}

/** Whether a text asks: its first line ends with a question mark. */
export function asksQuestion(text: string): boolean {
  const end = text.indexOf('\n');
  return /\?["')\]\s]*$/.test((end < 0 ? text : text.slice(0, end)).slice(-200));
}

/**
 * In which sequence a text stands, and where: all that was said in one session of one namespace. Keys of one series
 * (`D1:2`, `D1:10`, `turn-7`) are ordered by their number, whatever order they were written in; keys without a number
 * (UUIDs too) by log position.
 */
export function sequenceOf(said: { namespace: string; session: string; key: string; position: number }): {
  name: string;
  place: number;
} {
  const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(said.key);
  const numbered = uuid ? null : /^(.*[^0-9A-Za-z])?(\d{1,9})$/s.exec(said.key);
  const series = numbered === null ? null : (numbered[1] ?? '');
  return {
    name: JSON.stringify([said.namespace, said.session, series]),
    place: numbered === null ? said.position : Number(numbered[2]),
  };
}
