import { describe, expect, it } from '@jest/globals';
import { Visitor } from './visitor.js';

/** So many requests of one visitor, all of them answered; a claim finds its task. */
function live(visitor: Visitor, requests: number): string[] {
  return Array.from({ length: requests }, () => {
    const { kind, heard } = visitor.next();
    heard?.({});
    return kind;
  });
}

const visitor = (seed = 1): Visitor => new Visitor('spec', 1, 'traffic', seed);

describe('R-O6 A visitor', () => {
  it('begins with a session, and does every kind of work', () => {
    const kinds = live(visitor(), 2000);
    expect(kinds[0]).toBe('open a session');
    expect(new Set(kinds).size).toBe(14);
    const share = (kind: string): number => kinds.filter((one) => one === kind).length / kinds.length;
    expect(share('append an event')).toBeGreaterThan(0.15);
    expect(share('read a memory')).toBeGreaterThan(0.15);
    expect(share('search by meaning')).toBeGreaterThan(0.03);
  });

  it('does the same again with the same seed, and something else with another', () => {
    expect(live(visitor(), 200)).toEqual(live(visitor(), 200));
    expect(live(visitor(2), 200)).not.toEqual(live(visitor(), 200));
  });

  it('ends each session before it opens the next', () => {
    const turns = live(visitor(), 2000).filter((kind) => /^(open|end) a session$/.test(kind));
    expect(turns.length).toBeGreaterThan(5);
    turns.forEach((kind, index) => expect(kind).toBe(index % 2 === 0 ? 'open a session' : 'end a session'));
  });

  it('asks for nothing that was never written: what was shed is not stood upon', () => {
    const shed = visitor();
    const kinds = Array.from({ length: 50 }, () => shed.next().kind);
    expect(new Set(kinds)).toEqual(new Set(['open a session']));
    const writesOnly = visitor();
    writesOnly.next().heard?.({});
    const unheard = Array.from({ length: 500 }, () => writesOnly.next().kind);
    expect(unheard).not.toContain('read a memory');
    expect(unheard).not.toContain('claim a task');
  });
});
