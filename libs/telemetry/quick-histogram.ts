import type { Metric, MetricObject, MetricValue } from 'prom-client';

interface Series<L extends string> {
  labels: Record<L, string>;
  /** How many fell into each bucket; the last is for those beyond all edges. */
  counts: number[];
  sum: number;
}

/**
 * A histogram for what takes microseconds itself: an observation costs a look into a map and an addition, where prom-client
 * would spell labels out each time.
 */
export class QuickHistogram<L extends string> {
  private readonly series = new Map<string, Series<L>>();

  constructor(
    readonly name: string,
    private readonly help: string,
    private readonly edges: readonly number[],
  ) {}

  /** A place to observe under these labels: to be kept by whoever observes often. */
  labels(labels: Record<L, string>): (value: number) => void {
    const key = JSON.stringify(labels);
    const series = this.series.get(key) ?? { labels, counts: [...this.edges.map(() => 0), 0], sum: 0 };
    this.series.set(key, series);
    return (value) => {
      series.sum += value;
      let bucket = 0;
      while (bucket < this.edges.length && value > this.edges[bucket]!) bucket += 1;
      series.counts[bucket]! += 1;
    };
  }

  /** As a registry of prom-client asks for it. */
  async get(): Promise<MetricObject & { values: MetricValue<string>[] }> {
    const values = [...this.series.values()].flatMap((series) => this.spell(series));
    return { name: this.name, help: this.help, type: 'histogram' as never, aggregator: 'sum', values } as never;
  }

  reset(): void {
    this.series.clear();
  }

  asMetric(): Metric {
    return this as unknown as Metric;
  }

  private spell({ labels, counts, sum }: Series<L>): (MetricValue<string> & { metricName: string })[] {
    let below = 0;
    const buckets = counts.map((count, index) => ({
      metricName: `${this.name}_bucket`,
      labels: { ...labels, le: this.edges[index] ?? '+Inf' },
      value: (below += count),
    }));
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: below },
    ];
  }
}
