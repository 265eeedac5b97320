import { describe, expect, it } from '@jest/globals';
import { Histogram, Registry } from 'prom-client';
import { QuickHistogram } from './quick-histogram.js';

describe('A histogram for what takes microseconds', () => {
  it('is written down as the one of prom-client is, for the same observations', async () => {
    const edges = [0.01, 0.1, 1];
    const [theirs, ours] = [new Registry(), new Registry()];
    const slow = new Histogram({
      name: 'h',
      help: 'Help.',
      labelNames: ['a', 'b'],
      buckets: edges,
      registers: [theirs],
    });
    const quick = new QuickHistogram<'a' | 'b'>('h', 'Help.', edges);
    ours.registerMetric(quick.asMetric());
    for (const [a, value] of [
      ['x', 0.01],
      ['x', 0.0100001],
      ['y', 5],
      ['x', 0.5],
      ['y', 0],
    ] as const) {
      slow.observe({ a, b: 'z' }, value);
      quick.labels({ a, b: 'z' })(value);
    }
    const lines = (text: string): string[] =>
      text
        .split('\n')
        // Labels are a set.
        .map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').toSorted().join(',')}}`))
        .toSorted();
    expect(lines(await ours.metrics())).toEqual(lines(await theirs.metrics()));
    expect(await ours.metrics()).toContain('h_bucket{a="x",b="z",le="0.01"} 1\n');
  });
});
