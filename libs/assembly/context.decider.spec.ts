import { describe, expect, it } from '@jest/globals';
import { specify } from '../../test/support/given.js';
import { context, contextOf, contextStream, type ContextCommand } from './context.decider.js';

const { given } = specify(context);
const record: ContextCommand = {
  type: 'RecordContext',
  context_id: 'c1',
  session_id: 's1',
  task_id: null,
  query: 'tea',
  token_budget: 4000,
  as_of: null,
  position: 7,
  moment: '2026-01-02T03:04:05.678Z',
  degraded: false,
  format: 1,
  items: [{ part: 'session' }, { part: 'memories.user', memory_id: 3, score: 0.5 }],
  omitted: {},
  token_count: 90,
  prompt_sha256: '0'.repeat(64),
};
const { type: _, ...data } = record;

describe('R-T5 A context', () => {
  it('is recorded with what it was made of, linked to its session and task', () => {
    given()
      .when(record)
      .then({ type: 'ContextSynthesized', data, about: { session_id: 's1', task_id: null } });
  });

  it('is recorded once', () => {
    expect(given().when(record).again()).toEqual([]);
  });

  it('has a stream of its own', () => {
    expect(contextOf(contextStream('a:b %'))).toBe('a:b %');
  });
});
