import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#kernel';
import { recorded } from '../../test/support/given.js';
import { memoryProvenance } from './memory.provenance.js';

describe('What a version of a memory was made of', () => {
  const sources = (more: object, metadata: JsonObject = {}) =>
    memoryProvenance['MemoryWritten']!(
      recorded({ type: 'MemoryWritten', data: { namespace: 'user:a', key: 'k', version: 2, metadata, ...more } }, 7),
    );
  const ref = (key: string, version: number) => ({ namespace: 'user:b', key, version });

  it('is nothing else, for most', () => {
    expect(sources({})).toEqual([]);
  });

  it('R-M9 R-M11 is what it was published, restored or consolidated from', () => {
    expect(sources({ published_from: ref('p', 3) })).toEqual([
      { relation: 'published_from', stream: 'memory:user%3Ab:p', version: 3 },
    ]);
    expect(sources({ restored_from: 1 })).toEqual([
      { relation: 'restored_from', stream: 'memory:user%3Aa:k', version: 1 },
    ]);
    expect(sources({ consolidated_from: [ref('x', 1), ref('y', 2)] })).toEqual([
      { relation: 'consolidated_from', stream: 'memory:user%3Ab:x', version: 1 },
      { relation: 'consolidated_from', stream: 'memory:user%3Ab:y', version: 2 },
    ]);
  });

  it('R-C8 is the episodes that it has learned from, and not what else stands in their place', () => {
    const learned_from = [ref('e', 1), null, 'x', { namespace: 'user:b' }, { ...ref('f', 1), version: 'one' }];
    expect(sources({}, { learned_from: learned_from as never })).toEqual([
      { relation: 'learned_from', stream: 'memory:user%3Ab:e', version: 1 },
    ]);
    expect(sources({}, { learned_from: 'everything' })).toEqual([]);
  });

  it('R-M13 is the turns of its session, earlier than itself', () => {
    const extracted_from = { session_id: 's1', positions: [2, 6, 7, 99, -1, 'x', 2.5] };
    const turn = (position: number) => ({ relation: 'extracted_from', position });
    expect(sources({ session_id: 's1' }, { extracted_from: extracted_from as never })).toEqual([turn(2), turn(6)]);
    expect(sources({ session_id: 's2' }, { extracted_from: extracted_from as never })).toEqual([]);
    expect(sources({ session_id: null }, { extracted_from: { positions: [2] } as never })).toEqual([]);
  });
});
