/** Counts by upper edge in seconds, cumulative, as a histogram of Prometheus has them. */
export type Buckets = Record<string, number>;

const edgesOf = (buckets: Buckets): [edge: number, count: number][] =>
  Object.entries(buckets)
    .map(([edge, count]): [number, number] => [edge === '+Inf' ? Number.POSITIVE_INFINITY : Number(edge), count])
    .toSorted(([a], [b]) => a - b);

export const countOf = (buckets: Buckets): number => edgesOf(buckets).at(-1)?.[1] ?? 0;

/**
 * The quantile as Prometheus estimates it: linear within its bucket. `Infinity` above the last edge. Exact at an edge,
 * and every threshold that is judged is one.
 */
export function quantileOf(buckets: Buckets, q: number): number | undefined {
  const edges = edgesOf(buckets);
  const total = edges.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const rank = q * total;
  const index = edges.findIndex(([, count]) => count >= rank);
  const [edge, count] = edges[index]!;
  const [lower, below] = index === 0 ? [0, 0] : edges[index - 1]!;
  if (edge === Number.POSITIVE_INFINITY || count === below) return edge;
  return lower + (edge - lower) * ((rank - below) / (count - below));
}

/** The upper edge of the slowest bucket that has something in it: nothing took longer. */
export function longestOf(buckets: Buckets): number | undefined {
  const edges = edgesOf(buckets);
  const total = edges.at(-1)?.[1] ?? 0;
  return total === 0 ? undefined : edges.find(([, count]) => count === total)![0];
}
