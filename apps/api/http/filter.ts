import { assertStorable, invalid, type Json } from '#kernel';
import { parseJson } from './body.js';

/** The filter of a list, which is JSON in a query. */
export function parseFilter(text: string): Json {
  const filter = parseJson(Buffer.from(text), 'filter') as Json | undefined;
  if (filter === undefined) throw invalid('filter', 'is empty');
  assertStorable(filter, 'filter');
  return filter;
}
