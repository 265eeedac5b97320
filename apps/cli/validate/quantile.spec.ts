import { describe, expect, it } from '@jest/globals';
import { countOf, longestOf, quantileOf } from './quantile.js';

const BUCKETS = { '0.01': 90, '0.1': 98, '0.2': 100, '+Inf': 100 };

describe('R-O7 Quantiles of a histogram', () => {
  it('are linear within a bucket, as Prometheus has them', () => {
    expect(quantileOf(BUCKETS, 0.45)).toBeCloseTo(0.005);
    expect(quantileOf(BUCKETS, 0.94)).toBeCloseTo(0.055);
    expect(quantileOf(BUCKETS, 0.99)).toBeCloseTo(0.15);
  });

  it('are exact at an edge, and go by number, not by the order of the keys', () => {
    expect(quantileOf(BUCKETS, 0.9)).toBeCloseTo(0.01);
    expect(quantileOf({ '+Inf': 100, '10': 100, '2.5': 50, '0.5': 10 }, 0.5)).toBeCloseTo(2.5);
  });

  it('say that nobody knows how long above the last edge', () => {
    expect(quantileOf({ '0.1': 50, '+Inf': 100 }, 0.99)).toBe(Number.POSITIVE_INFINITY);
    expect(longestOf({ '0.1': 50, '+Inf': 100 })).toBe(Number.POSITIVE_INFINITY);
  });

  it('are nothing of nothing', () => {
    expect(quantileOf({}, 0.99)).toBeUndefined();
    expect(quantileOf({ '0.1': 0, '+Inf': 0 }, 0.99)).toBeUndefined();
    expect(countOf({})).toBe(0);
    expect(longestOf({ '0.1': 0, '+Inf': 0 })).toBeUndefined();
  });

  it('know the bucket above which there is nothing', () => {
    expect(longestOf(BUCKETS)).toBe(0.2);
    expect(countOf(BUCKETS)).toBe(100);
  });
});
