import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { canonicalJson } from '#kernel';
import { envelopeText, headerText, hmac } from './entry.js';

const text = fc.string({ unit: 'grapheme' });
const maybe = fc.option(text);

describe('D6 What is hashed of an entry', () => {
  it('is committed to by HMAC-SHA-256, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), text, (key, message) => {
        const expected = createHmac('sha256', key).update(message).digest();
        expect(hmac(Buffer.from(key), message).equals(expected)).toBe(true);
      }),
    );
  });

  it('is an envelope in canonical JSON', () => {
    const envelope = fc.record({
      event_id: maybe,
      stream: text,
      actor: text,
      agent_id: maybe,
      task_id: maybe,
      session_id: maybe,
      memory_operation: maybe,
      memory_namespace: maybe,
      memory_entry_id: fc.option(fc.nat()),
      correlation_id: text,
      causation_id: maybe,
    });
    fc.assert(fc.property(envelope, (one) => expect(envelopeText(one)).toBe(canonicalJson(one))));
  });

  it('is a header in canonical JSON that names nobody', () => {
    const header = {
      position: 7,
      stream_version: 2,
      type: 'MemoryWritten',
      schema_version: 2,
      timestamp: '2026-01-01T00:00:00.000Z',
    };
    const written = headerText(header, Buffer.alloc(32, 1), Buffer.alloc(32, 2));
    expect(written).toBe(canonicalJson(JSON.parse(written)));
    expect(Object.keys(JSON.parse(written) as object)).toEqual([
      'data',
      'envelope',
      'position',
      'schema_version',
      'stream_version',
      'timestamp',
      'type',
      'v',
    ]);
  });
});
