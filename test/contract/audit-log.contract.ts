import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditLog, Commit, Condition, Expected, NewEvent } from '#audit-log';
import { DomainError, type Recorded } from '#kernel';

/** A log to hold against the contract. `other` is a second writer on the same log. */
export interface LogUnderTest {
  log: AuditLog;
  other: AuditLog;
  close(): Promise<void>;
}

/** What every adapter of the port {@link AuditLog} keeps: one line of a spec holds an adapter against it. */
export function auditLogContract(adapter: string, open: () => Promise<LogUnderTest>): void {
  describe(`The audit log, ${adapter},`, () => {
    let log: AuditLog;
    let other: AuditLog;
    let close: LogUnderTest['close'];
    beforeAll(async () => {
      ({ log, other, close } = await open());
    });
    afterAll(() => close());

    const append = (events: NewEvent[], overrides: Partial<Commit> = {}) => log.commit(commitOf(events, overrides));
    const check = (...conditions: Condition[]) => log.commit(commitOf([], { conditions }));
    const versions = async (stream: string): Promise<number[]> =>
      (await log.readStream(stream)).map(({ version }) => version);
    /** Streams of two events, of two events and a closing one, or of none. */
    const prepare = async (state: StreamState): Promise<string> => {
      const stream = newStream();
      if (state !== 'new') await append([happened(stream), happened(stream)]);
      if (state === 'closed') await append([closing(stream)]);
      return stream;
    };

    describe('when it is empty', () => {
      it('has its head before the first position, with a hash of zeros and no time', async () => {
        const fresh = await open();
        try {
          expect(await fresh.log.head()).toEqual({ position: 0, entry_hash: '0'.repeat(64), time: null });
          expect(await fresh.log.readAll(0, 10)).toEqual([]);
          expect(await fresh.log.readStream('memory:user%3Aalice:coffee')).toEqual([]);
          const { position, events } = await fresh.log.commit(commitOf([happened('first')]));
          expect({ position, version: events[0]!.version }).toEqual({ position: 1, version: 1 });
        } finally {
          await fresh.close();
        }
      });
    });

    describe('taking a commit', () => {
      it('answers with stream, id, version and position of each event, in order', async () => {
        const stream = newStream();
        const { position: before } = await log.head();
        const receipt = await append([happened(stream, 'a'), happened(stream, 'b')]);
        expect(receipt).toEqual({
          events: [
            { stream, event_id: 'a', version: 1, position: before + 1 },
            { stream, event_id: 'b', version: 2, position: before + 2 },
          ],
          position: before + 2,
          duplicate: false,
        });
      });

      it('has moved its head to the last event when the commit resolves', async () => {
        const { position } = await append([happened(newStream()), happened(newStream())]);
        const head = await log.head();
        expect(head.position).toBe(position);
        expect(head.entry_hash).toMatch(/^[0-9a-f]{64}$/);
      });

      it('counts versions per stream, and positions over all of them', async () => {
        const [one, two] = [newStream(), newStream()];
        const { position: before } = await log.head();
        const { events } = await append([happened(one), happened(two), happened(one), happened(two), happened(one)]);
        expect(events.map(({ version }) => version)).toEqual([1, 1, 2, 2, 3]);
        expect(events.map(({ position }) => position - before)).toEqual([1, 2, 3, 4, 5]);
      });

      it('R-A2 keeps who, when and why beside what', async () => {
        const stream = newStream();
        const proposer = { actor: 'agent:planner', correlation_id: 'work-7', causation_id: 'cause-1' };
        const { time } = await log.head();
        await append([happened(stream, 'own'), { ...happened(stream), actor: 'user' }], { proposer, time: time! });
        const [first, second] = await log.readStream(stream);
        expect(first).toMatchObject({
          stream,
          event_id: 'own',
          type: 'SessionEventAppended',
          version: 1,
          actor: 'agent:planner',
          correlation_id: 'work-7',
          time,
        });
        expect(second).toMatchObject({ actor: 'user', correlation_id: 'work-7' });
      });

      it('names an event without an id by its position', async () => {
        const { events, position } = await append([happened(newStream())]);
        expect(events[0]!.event_id).toBe(`pos-${position}`);
      });

      it('of no events answers with the head and moves nothing', async () => {
        const before = await log.head();
        expect(await append([])).toEqual({ events: [], position: before.position, duplicate: false });
        expect(await log.head()).toEqual(before);
      });

      it('takes many events at once', async () => {
        const stream = newStream();
        await append(Array.from({ length: 500 }, () => happened(stream)));
        expect(await versions(stream)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
      });

      it.each<[string, Recorded['data']]>([
        ['a text of a megabyte', { content: { text: 'ab'.repeat(500_000) } }],
        [
          'every kind of JSON value',
          { content: { a: null, b: [1, -2.5, 1e-7, true, false, '', [], {}], c: { d: 'e' } } },
        ],
        ['text of all planes', { content: { text: 'naïve 日本語 🎉 \u0001 \\ " \' \u2028' } }],
        ['names that an object has by itself', { content: JSON.parse('{"__proto__":1,"constructor":2}') as object }],
      ])('reads %s back as it was written', async (_, data) => {
        const stream = newStream();
        await append([{ ...happened(stream), data: { ...happened(stream).data, ...data } }]);
        const [event] = await log.readStream(stream);
        expect(event!.data).toMatchObject(data);
        expect(JSON.stringify((event!.data as { content: unknown }).content)).toHaveLength(
          JSON.stringify((data as { content: unknown }).content).length,
        );
      });

      it.each([
        ['Cyrillic, Han and emoji', 'память:用户:🎉'],
        ['quotes and statements', `x'; DROP TABLE audit; --"`],
        ['signs that are wildcards elsewhere', 'a%b_c*d?[e]'],
        ['two thousand characters', 'long:'.repeat(400)],
      ])('takes a stream name of %s', async (_, name) => {
        const stream = `${newStream()}:${name}`;
        await append([happened(stream)], { conditions: [{ stream, expected: 'none' }] });
        expect(await log.readStream(stream)).toMatchObject([{ stream, version: 1 }]);
      });

      it('tells streams apart that only look alike', async () => {
        const base = newStream();
        const names = [`${base}é`.normalize('NFC'), `${base}é`.normalize('NFD'), `${base}E`, `${base}e`, `${base}e `];
        for (const stream of names) await append([happened(stream)], { conditions: [{ stream, expected: 'none' }] });
        for (const stream of names) expect(await versions(stream)).toEqual([1]);
      });

      it('refuses an event type that nobody knows, and moves nothing', async () => {
        const stream = newStream();
        await refusesToMove(log, () => append([happened(stream), { ...happened(stream), type: 'NeverHeardOf' }]));
        expect(await versions(stream)).toEqual([]);
      });
    });

    describe('holding an expectation against a stream', () => {
      const cases: [StreamState, Expected, Outcome, Outcome][] = [
        // state, expected, writing to it, only checking it
        ['new', 'none', 'taken', 'taken'],
        ['new', 'any', 'taken', 'taken'],
        ['new', { exact: 0 }, 'taken', 'taken'],
        ['new', 'exists', 'version-conflict', 'version-conflict'],
        ['new', { exact: 1 }, 'version-conflict', 'version-conflict'],
        ['existing', 'any', 'taken', 'taken'],
        ['existing', 'exists', 'taken', 'taken'],
        ['existing', { exact: 2 }, 'taken', 'taken'],
        ['existing', 'none', 'version-conflict', 'version-conflict'],
        ['existing', { exact: 0 }, 'version-conflict', 'version-conflict'],
        ['existing', { exact: 1 }, 'version-conflict', 'version-conflict'],
        ['existing', { exact: 3 }, 'version-conflict', 'version-conflict'],
        ['closed', 'any', 'stream-closed', 'taken'],
        ['closed', { exact: 3 }, 'stream-closed', 'taken'],
        ['closed', 'exists', 'version-conflict', 'version-conflict'],
        ['closed', 'none', 'version-conflict', 'version-conflict'],
        ['closed', { exact: 0 }, 'version-conflict', 'version-conflict'],
        ['closed', { exact: 2 }, 'version-conflict', 'version-conflict'],
      ];

      it.each(cases.map(([state, expected, writing]) => ({ state, expected, writing, spelled: spell(expected) })))(
        'R-SE7 writing to a stream that is $state and expected $spelled: $writing',
        async ({ state, expected, writing }) => {
          const stream = await prepare(state);
          const before = await versions(stream);
          const write = () => append([happened(stream)], { conditions: [{ stream, expected }] });
          expect(await outcomeOf(log, write)).toBe(writing);
          expect(await versions(stream)).toEqual(writing === 'taken' ? [...before, before.length + 1] : before);
        },
      );

      it.each(cases.map(([state, expected, , checking]) => ({ state, expected, checking, spelled: spell(expected) })))(
        'only checking a stream that is $state and expected $spelled: $checking',
        async ({ state, expected, checking }) => {
          const [stream, target] = [await prepare(state), newStream()];
          const before = await versions(stream);
          const write = () => append([happened(target)], { conditions: [{ stream, expected }] });
          expect(await outcomeOf(log, write)).toBe(checking);
          expect(await versions(stream)).toEqual(before);
          expect(await versions(target)).toHaveLength(checking === 'taken' ? 1 : 0);
        },
      );

      it('tells the version that is there', async () => {
        const stream = await prepare('existing');
        const refusal = await refusesToMove(log, () => check({ stream, expected: { exact: 9 } }));
        expect(refusal).toMatchObject({ kind: 'version-conflict', details: { current_version: 2 } });
      });

      it('tells that nothing is there', async () => {
        const refusal = await refusesToMove(log, () => check({ stream: newStream(), expected: 'exists' }));
        expect(refusal).toMatchObject({ kind: 'version-conflict', details: { current_version: null } });
      });

      it('refuses the second of two that expect nothing there', async () => {
        const stream = newStream();
        const first = (): Promise<unknown> =>
          append([happened(stream)], { conditions: [{ stream, expected: 'none' }] });
        await first();
        await refusesToMove(log, first);
        expect(await versions(stream)).toEqual([1]);
      });

      it('goes on at the next version after it refused one', async () => {
        const stream = await prepare('existing');
        await refusesToMove(log, () =>
          append([happened(stream)], { conditions: [{ stream, expected: { exact: 1 } }] }),
        );
        const { events } = await append([happened(stream)], { conditions: [{ stream, expected: { exact: 2 } }] });
        expect(events[0]!.version).toBe(3);
      });

      it('refuses when one of several conditions fails, whichever it is', async () => {
        const [one, two] = [await prepare('existing'), await prepare('existing')];
        const holds = { stream: one, expected: { exact: 2 } };
        const fails: Condition = { stream: two, expected: 'none' };
        for (const conditions of [
          [holds, fails],
          [fails, holds],
        ]) {
          await refusesToMove(log, () => append([happened(one), happened(two)], { conditions }));
        }
        expect([await versions(one), await versions(two)]).toEqual([
          [1, 2],
          [1, 2],
        ]);
      });

      it('takes a commit whose conditions all hold, on streams that it writes to and on others', async () => {
        const [one, two, third] = [await prepare('existing'), newStream(), await prepare('closed')];
        const conditions: Condition[] = [
          { stream: one, expected: { exact: 2 } },
          { stream: two, expected: 'none' },
          { stream: third, expected: { exact: 3 } },
        ];
        const { events } = await append([happened(one), happened(two)], { conditions });
        expect(events.map(({ version }) => version)).toEqual([3, 1]);
      });

      it('writes nothing anywhere when one of the streams is closed', async () => {
        const [one, closed] = [newStream(), await prepare('closed')];
        expect(await refusesToMove(log, () => append([happened(one), happened(closed)]))).toMatchObject({
          code: 'stream-closed',
        });
        expect(await versions(one)).toEqual([]);
      });

      it('checks without writing: conditions alone may hold or not', async () => {
        const stream = await prepare('existing');
        await expect(check({ stream, expected: 'exists' })).resolves.toMatchObject({ events: [] });
        await refusesToMove(log, () => check({ stream, expected: 'none' }));
      });
    });

    describe('asked for the same again', () => {
      // Six events, each written with the version before it expected; then the case's own commit.
      const known: [string, string[], Expected][] = [
        ['the first event, expected where it was', ['e1'], 'none'],
        ['the first event, whatever is there', ['e1'], 'any'],
        ['the first event, expected at the end', ['e1'], { exact: 6 }],
        ['the first event, expected just before the end', ['e1'], { exact: 5 }],
        ['the first event, expected beyond the end', ['e1'], { exact: 7 }],
        ['an event of the middle, expected where it was', ['e3'], { exact: 2 }],
        ['the last event, expected where it was', ['e6'], { exact: 5 }],
        ['all events at once, expected where they began', ['e1', 'e2', 'e3', 'e4', 'e5', 'e6'], 'none'],
        ['the first two at once', ['e1', 'e2'], 'none'],
        ['two of the middle at once, whatever is there', ['e3', 'e4'], 'any'],
        ['events in another order', ['e4', 'e2'], 'any'],
      ];

      it.each(known)('R-SE4 answers with the first result: %s', async (_, ids, expected) => {
        const stream = newStream();
        const first = await oneByOne(log, stream, 6);
        const head = await log.head();
        const again = await append(
          ids.map((id) => happened(stream, id)),
          { conditions: [{ stream, expected }] },
        );
        const events = ids.map((id) => first.find(({ event_id }) => event_id === id)!);
        const position = Math.max(...events.map((event) => event.position));
        expect(again).toEqual({ events, position, duplicate: true });
        expect(await log.head()).toEqual(head);
        expect(await versions(stream)).toHaveLength(6);
      });

      it.each<[string, string[], string]>([
        ['known events with a new one behind them', ['e5', 'e6', 'new'], 'event-id-used'],
        ['known events with a new one before them', ['new', 'e1'], 'event-id-used'],
        ['a known event between two new ones', ['new', 'e2', 'newer'], 'event-id-used'],
      ])('refuses %s', async (_, ids, code) => {
        const stream = newStream();
        await oneByOne(log, stream, 6);
        const events = ids.map((id) => happened(stream, id));
        expect(await refusesToMove(log, () => append(events))).toMatchObject({ kind: 'conflict', code });
        expect(await versions(stream)).toHaveLength(6);
      });

      it.each<[string, Expected]>([
        ['expected at the beginning', 'none'],
        ['expected one version ago', { exact: 5 }],
        ['expected beyond the end', { exact: 7 }],
      ])('refuses a new event that is %s', async (_, expected) => {
        const stream = newStream();
        await oneByOne(log, stream, 6);
        const write = () => append([happened(stream, 'new')], { conditions: [{ stream, expected }] });
        expect(await refusesToMove(log, write)).toMatchObject({ code: 'version-conflict' });
      });

      it('takes two events that were written at once again one by one', async () => {
        const stream = newStream();
        await append([happened(stream, 'a'), happened(stream, 'b')]);
        for (const [id, version] of [
          ['a', 1],
          ['b', 2],
        ] as const) {
          expect(await append([happened(stream, id)])).toMatchObject({ duplicate: true, events: [{ version }] });
        }
      });

      it('refuses the same id twice in one commit', async () => {
        const stream = newStream();
        const write = () => append([happened(stream, 'twin'), happened(stream, 'twin')]);
        expect(await refusesToMove(log, write)).toMatchObject({ kind: 'conflict', code: 'event-id-used' });
        expect(await versions(stream)).toEqual([]);
      });

      it('keeps event ids apart by stream', async () => {
        const [one, two] = [newStream(), newStream()];
        await append([happened(one, 'same')]);
        expect(await append([happened(two, 'same')])).toMatchObject({ duplicate: false });
        expect(await append([happened(one, 'same'), happened(two, 'same')])).toMatchObject({ duplicate: true });
      });

      it('knows the events of a closed stream', async () => {
        const stream = newStream();
        await append([happened(stream, 'a'), closing(stream)]);
        expect(await append([happened(stream, 'a')])).toMatchObject({ duplicate: true, events: [{ version: 1 }] });
      });

      it('under the same commit id answers with the first result', async () => {
        const commit = commitOf([happened(newStream()), happened(newStream())]);
        const first = await log.commit(commit);
        const head = await log.head();
        expect(await log.commit(commit)).toEqual({ ...first, duplicate: true });
        expect(await log.head()).toEqual(head);
      });

      it('under the same commit id answers before it looks at conditions, which are stale by now', async () => {
        const stream = newStream();
        const commit = commitOf([happened(stream)], { conditions: [{ stream, expected: 'none' }] });
        const first = await log.commit(commit);
        await append([happened(stream)]);
        expect(await log.commit(commit)).toEqual({ ...first, duplicate: true });
        expect(await versions(stream)).toEqual([1, 2]);
      });

      it('under the same commit id answers for a stream that has been closed since', async () => {
        const stream = newStream();
        const commit = commitOf([happened(stream)]);
        const first = await log.commit(commit);
        await append([closing(stream)]);
        expect(await log.commit(commit)).toEqual({ ...first, duplicate: true });
      });

      it('under the same commit id answers another proposer at another time, too', async () => {
        const commit = commitOf([happened(newStream())]);
        const first = await log.commit(commit);
        const proposer = { actor: 'somebody else', correlation_id: 'retry' };
        const again = { ...commit, proposer, time: '2030-01-01T00:00:00.000Z' };
        expect(await log.commit(again)).toEqual({ ...first, duplicate: true });
      });

      it('under the same commit id answers for no events with the position of then', async () => {
        const commit = commitOf([]);
        const first = await log.commit(commit);
        await append([happened(newStream())]);
        expect(await log.commit(commit)).toEqual({ ...first, duplicate: true });
      });

      it.each<[string, (stream: string) => NewEvent[]]>([
        ['other data', (stream) => [{ ...happened(stream), data: { session_id: 'other' } }]],
        ['another stream', (stream) => [happened(`${stream}:other`)]],
        ['another event id', (stream) => [happened(stream, 'other')]],
        ['more events', (stream) => [happened(stream), happened(stream)]],
        ['no events', () => []],
      ])('refuses a commit id that comes again with %s', async (_, events) => {
        const stream = newStream();
        const commit = commitOf([happened(stream)]);
        await log.commit(commit);
        const refusal = await refusesToMove(log, () => log.commit({ ...commit, events: events(stream) }));
        expect(refusal).toMatchObject({ kind: 'key-reused' });
        expect(await versions(stream)).toEqual([1]);
      });

      it('has no memory of a commit that it refused: the same id may try again', async () => {
        const stream = newStream();
        const commit = commitOf([happened(stream)], { conditions: [{ stream, expected: { exact: 1 } }] });
        await refusesToMove(log, () => log.commit(commit));
        await append([happened(stream)]);
        expect(await log.commit(commit)).toMatchObject({ duplicate: false, events: [{ version: 2 }] });
      });

      it('takes the same commit once when it comes many times at once', async () => {
        const stream = newStream();
        const commit = commitOf([happened(stream)], { conditions: [{ stream, expected: 'none' }] });
        const answers = await Promise.all(Array.from({ length: 10 }, () => log.commit(commit)));
        expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
        expect(new Set(answers.map(({ position }) => position)).size).toBe(1);
        expect(await versions(stream)).toEqual([1]);
      });

      it('knows commits of another writer', async () => {
        const commit = commitOf([happened(newStream())]);
        const first = await other.commit(commit);
        expect(await log.commit(commit)).toEqual({ ...first, duplicate: true });
      });
    });

    describe('read', () => {
      let stream: string;
      let events: Recorded[];
      beforeAll(async () => {
        stream = newStream();
        for (let n = 0; n < 6; n++) await append([happened(stream), happened(newStream())]);
        events = await log.readStream(stream);
      });

      it.each<[string, Parameters<AuditLog['readStream']>[1], number[]]>([
        ['forwards', {}, [1, 2, 3, 4, 5, 6]],
        ['from a version on', { from: 4 }, [4, 5, 6]],
        ['from its first version on', { from: 1 }, [1, 2, 3, 4, 5, 6]],
        ['from beyond its end', { from: 7 }, []],
        ['up to a limit', { limit: 2 }, [1, 2]],
        ['up to a limit beyond its end', { limit: 100 }, [1, 2, 3, 4, 5, 6]],
        ['up to no event at all', { limit: 0 }, []],
        ['from a version on, up to a limit', { from: 3, limit: 2 }, [3, 4]],
        ['backwards', { backward: true }, [6, 5, 4, 3, 2, 1]],
        ['backwards from a version', { backward: true, from: 4 }, [4, 3, 2, 1]],
        ['backwards, only its last', { backward: true, limit: 1 }, [6]],
        ['backwards from a version, up to a limit', { backward: true, from: 5, limit: 2 }, [5, 4]],
        ['backwards from beyond its end', { backward: true, from: 99, limit: 1 }, [6]],
      ])('a stream %s', async (_, slice, expected) => {
        expect((await log.readStream(stream, slice)).map(({ version }) => version)).toEqual(expected);
      });

      it('a stream as it was at each position', async () => {
        for (const [index, { position }] of events.entries()) {
          expect(await log.readStream(stream, { asOf: position })).toHaveLength(index + 1);
          expect(await log.readStream(stream, { asOf: position - 1 })).toHaveLength(index);
        }
      });

      it('a stream as it was, backwards and from a version', async () => {
        const asOf = events[3]!.position;
        const versionsOf = async (slice: object): Promise<number[]> =>
          (await log.readStream(stream, { asOf, ...slice })).map(({ version }) => version);
        expect(await versionsOf({ backward: true })).toEqual([4, 3, 2, 1]);
        expect(await versionsOf({ from: 3 })).toEqual([3, 4]);
        expect(await versionsOf({ from: 5 })).toEqual([]);
      });

      it('a stream that is not there: nothing', async () => {
        expect(await log.readStream(newStream())).toEqual([]);
      });

      it('a closed stream: all of it', async () => {
        const closed = await prepare('closed');
        expect((await log.readStream(closed)).map(({ type }) => type)).toEqual([
          'SessionEventAppended',
          'SessionEventAppended',
          'SessionDeleted',
        ]);
      });

      it('page by page: every position once, none left out', async () => {
        const { position: head } = await log.head();
        const seen: number[] = [];
        for (let after = 0; ; after = seen.at(-1)!) {
          const page = await log.readAll(after, 7);
          expect(page.length).toBeLessThanOrEqual(7);
          if (page.length === 0) break;
          seen.push(...page.map(({ position }) => position));
        }
        expect(seen).toEqual(Array.from({ length: head }, (_, index) => index + 1));
      });

      it('all of it after a position: the same events as its streams hold', async () => {
        const first = events[0]!;
        const all = await log.readAll(first.position - 1, 1000);
        expect(all.filter((event) => event.stream === stream)).toEqual(events);
      });

      it('after its head: nothing', async () => {
        const { position } = await log.head();
        expect(await log.readAll(position, 10)).toEqual([]);
        expect(await log.readAll(position + 100, 10)).toEqual([]);
      });
    });

    describe('followed', () => {
      it('tells what is there, then what comes, without a gap', async () => {
        const { position: before } = await log.head();
        await append([happened(newStream()), happened(newStream())]);
        const seen = follow(log, before, 5);
        await append([happened(newStream())]);
        await append([happened(newStream()), happened(newStream())]);
        expect((await seen).map(({ position }) => position - before)).toEqual([1, 2, 3, 4, 5]);
      });

      it('from its beginning tells every position', async () => {
        const { position: head } = await log.head();
        const seen = await follow(log, 0, head);
        expect(seen.map(({ position }) => position)).toEqual(Array.from({ length: head }, (_, index) => index + 1));
      });

      it('from its head tells only what comes', async () => {
        const { position } = await log.head();
        const seen = follow(log, position, 1);
        const stream = newStream();
        await append([happened(stream)]);
        expect(await seen).toMatchObject([{ stream, position: position + 1 }]);
      });

      it('goes on where a follower left off', async () => {
        const { position: before } = await log.head();
        await append(Array.from({ length: 6 }, () => happened(newStream())));
        const first = await follow(log, before, 2);
        const rest = await follow(log, first.at(-1)!.position, 4);
        expect([...first, ...rest].map(({ position }) => position - before)).toEqual([1, 2, 3, 4, 5, 6]);
      });

      it('tells the events of other writers', async () => {
        const { position } = await log.head();
        const seen = follow(log, position, 2);
        const [one, two] = [newStream(), newStream()];
        await other.commit(commitOf([happened(one)]));
        await log.commit(commitOf([happened(two)]));
        expect(await seen).toMatchObject([{ stream: one }, { stream: two }]);
      });

      it('tells each follower everything', async () => {
        const { position } = await log.head();
        const followers = [follow(log, position, 3), follow(log, position, 3), follow(other, position, 3)];
        for (let n = 0; n < 3; n++) await append([happened(newStream())]);
        const [first, second, third] = await Promise.all(followers);
        expect(second).toEqual(first);
        expect(third).toEqual(first);
      });

      it('ends while it waits, when it is asked to', async () => {
        const { position } = await log.head();
        const stop = new AbortController();
        const end = (async () => {
          for await (const event of log.tail(position, stop.signal)) throw new Error(`unexpected ${event.position}`);
          return 'ended';
        })();
        await new Promise((resolve) => setImmediate(resolve));
        stop.abort();
        expect(await end).toBe('ended');
      });

      it('ends between two events, when it is asked to', async () => {
        const { position } = await log.head();
        await append([happened(newStream()), happened(newStream())]);
        const stop = new AbortController();
        const seen: number[] = [];
        for await (const event of log.tail(position, stop.signal)) {
          seen.push(event.position - position);
          stop.abort();
        }
        expect(seen).toEqual([1]);
      });

      it('tells nothing to who has stopped before it began', async () => {
        for await (const event of log.tail(0, AbortSignal.abort())) throw new Error(`unexpected ${event.position}`);
        expect((await log.head()).position).toBeGreaterThan(0);
      });
    });

    describe('with several writers', () => {
      it('R-SE7 lets exactly one of many with the same expectation win', async () => {
        const stream = await prepare('existing');
        const conditions: Condition[] = [{ stream, expected: { exact: 2 } }];
        const attempts = Array.from({ length: 20 }, (_, index) =>
          (index % 2 === 0 ? log : other).commit(commitOf([happened(stream)], { conditions })),
        );
        const results = await Promise.allSettled(attempts);
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
        expect(reasons).toEqual(
          Array.from({ length: 19 }, () => expect.objectContaining({ kind: 'version-conflict' })),
        );
        expect(await versions(stream)).toEqual([1, 2, 3]);
      });

      it('R-SE7 loses nothing when nobody expects anything, and keeps each writer in its order', async () => {
        const stream = newStream();
        const { position: before } = await log.head();
        const write = async (writer: AuditLog, name: string): Promise<void> => {
          for (let n = 0; n < 25; n++) await writer.commit(commitOf([happened(stream, `${name}-${n}`)]));
        };
        await Promise.all([write(log, 'a'), write(other, 'b'), write(log, 'c'), write(other, 'd')]);
        const events = await log.readStream(stream);
        expect(events.map(({ version }) => version)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
        expect(events.map(({ position }) => position)).toEqual(
          Array.from({ length: 100 }, (_, index) => before + index + 1),
        );
        for (const name of ['a', 'b', 'c', 'd']) {
          const own = events.map(({ event_id }) => event_id).filter((id) => id.startsWith(`${name}-`));
          expect(own).toEqual(Array.from({ length: 25 }, (_, index) => `${name}-${index}`));
        }
      });

      it('leaves no hole where commits were refused', async () => {
        const stream = await prepare('existing');
        const { position: before } = await log.head();
        const taken = Array.from({ length: 10 }, () => append([happened(newStream())]));
        const refused = Array.from({ length: 10 }, (_, index) =>
          (index % 2 === 0 ? log : other).commit(
            commitOf([happened(newStream()), happened(stream)], { conditions: [{ stream, expected: 'none' }] }),
          ),
        );
        const results = await Promise.allSettled([...taken, ...refused]);
        expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(10);
        const positions = (await log.readAll(before, 100)).map(({ position }) => position - before);
        expect(positions).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      });

      it('holds an expectation against what another writer has just written', async () => {
        const stream = newStream();
        await other.commit(commitOf([happened(stream)]));
        const write = () => append([happened(stream)], { conditions: [{ stream, expected: 'none' }] });
        expect(await refusesToMove(log, write)).toMatchObject({ details: { current_version: 1 } });
        await expect(
          append([happened(stream)], { conditions: [{ stream, expected: { exact: 1 } }] }),
        ).resolves.toMatchObject({ events: [{ version: 2 }] });
      });

      it('tells each writer the same head', async () => {
        await log.commit(commitOf([happened(newStream())]));
        await other.commit(commitOf([happened(newStream())]));
        expect(await log.head()).toEqual(await other.head());
      });
    });

    describe('along time', () => {
      it('records an event of the past at the time of its predecessor', async () => {
        const { time } = await log.head();
        const stream = newStream();
        await append([happened(stream)], { time: '2001-01-01T00:00:00.000Z' });
        expect((await log.readStream(stream))[0]!.time).toBe(time);
      });

      it('goes forward with a later time, and stays there', async () => {
        const { time } = await log.head();
        const later = new Date(Date.parse(time!) + 5).toISOString();
        const stream = newStream();
        await append([happened(stream)], { time: later });
        await append([happened(stream)], { time: time! });
        expect((await log.readStream(stream)).map((event) => event.time)).toEqual([later, later]);
      });

      it('never runs backwards', async () => {
        const times = (await log.readAll(0, 100_000)).map(({ time }) => time);
        expect(times).toEqual(times.toSorted());
      });
    });
  });
}

type StreamState = 'new' | 'existing' | 'closed';
type Outcome = 'taken' | 'version-conflict' | 'stream-closed';

let streams = 0;
const newStream = (): string => `session:contract-${++streams}`;

// Events of a session that no table knows: projectors have nothing to do with them.
const happened = (stream: string, id?: string): NewEvent => ({
  stream,
  type: 'SessionEventAppended',
  ...(id === undefined ? {} : { id }),
  data: {
    session_id: stream,
    event_type: 'message',
    timestamp: '2026-01-02T03:04:05.678Z',
    content: {},
    owners: {},
    is_final_response: false,
  },
});

const closing = (stream: string): NewEvent => ({ stream, type: 'SessionDeleted', data: { session_id: stream } });

let commits = 0;
const commitOf = (events: NewEvent[], overrides: Partial<Commit> = {}): Commit => ({
  id: `commit-${++commits}`,
  conditions: [],
  events,
  proposer: { actor: 'tester', correlation_id: 'contract' },
  time: '2026-01-02T03:04:05.678Z',
  ...overrides,
});

const spell = (expected: Expected): string => (typeof expected === 'object' ? `at ${expected.exact}` : expected);

/** Events `e1`, `e2` …, each written where the one before it ended. */
async function oneByOne(log: AuditLog, stream: string, count: number) {
  const written = [];
  for (let exact = 0; exact < count; exact++) {
    const receipt = await log.commit(
      commitOf([happened(stream, `e${exact + 1}`)], { conditions: [{ stream, expected: { exact } }] }),
    );
    written.push(receipt.events[0]!);
  }
  return written;
}

/** Whether the log takes a write, or the code of its refusal, which leaves the head where it was. */
async function outcomeOf(log: AuditLog, write: () => Promise<unknown>): Promise<string> {
  const before = await log.head();
  const refusal = await failureOf(write());
  if (refusal === undefined) return 'taken';
  return (await log.head()).entry_hash === before.entry_hash ? (refusal as DomainError).code : 'the head moved';
}

/** Expects a refusal that leaves the head where it was; returns it. */
async function refusesToMove(log: AuditLog, write: () => Promise<unknown>): Promise<DomainError> {
  const before = await log.head();
  const refusal = await failureOf(write());
  expect(refusal).toBeDefined();
  expect(await log.head()).toEqual(before);
  return refusal as DomainError;
}

const failureOf = (write: Promise<unknown>): Promise<unknown> =>
  write.then(
    () => undefined,
    (error: unknown) => error,
  );

/** The next so many events after a position. */
async function follow(log: AuditLog, position: number, count: number): Promise<Recorded[]> {
  const stop = new AbortController();
  const seen: Recorded[] = [];
  for await (const event of log.tail(position, stop.signal)) {
    seen.push(event);
    if (seen.length === count) stop.abort();
  }
  return seen;
}
