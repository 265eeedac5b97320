import { describe, expect, it } from '@jest/globals';
import { DomainError } from '#kernel';
import { RateLimit } from './rate-limit.js';

describe('T12 The rate of a key', () => {
  const limited = (most: number) => {
    let time = 0;
    const limit = new RateLimit(most, () => time);
    const refusal = (key: string): DomainError['details'] | undefined => {
      try {
        limit.take(key);
        return undefined;
      } catch (error) {
        return (error as DomainError).details;
      }
    };
    return { limit, refusal, wait: (seconds: number) => (time += seconds * 1000) };
  };

  it('lets so many through at once, and then as many as have become free', () => {
    const { refusal, wait } = limited(6);
    expect(Array.from({ length: 7 }, () => refusal('a')).map((one) => one?.retry_after)).toEqual([
      ...Array<undefined>(6).fill(undefined),
      10,
    ]);
    wait(9);
    expect(refusal('a')).toMatchObject({ retry_after: 1 });
    wait(1);
    expect([refusal('a'), refusal('a')?.retry_after]).toEqual([undefined, 10]);
  });

  it('is each key’s own, and full again after a minute', () => {
    const { limit, refusal, wait } = limited(2);
    expect([refusal('a'), refusal('a'), refusal('b')]).toEqual([undefined, undefined, undefined]);
    expect(refusal('a')).toBeDefined();
    wait(60);
    expect(limit.take('a')).toEqual({ left: 1, wait: 30 });
    expect(limit.take('a')).toEqual({ left: 0, wait: 60 });
  });
});
