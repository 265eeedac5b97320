import { describe, expect, it } from '@jest/globals';
import { isLoopback } from './loopback.js';

describe('T22 An address that only this machine reaches', () => {
  it.each(['127.0.0.1', '127.8.9.1', '::1', '0:0:0:0:0:0:0:1', 'localhost', '::ffff:127.0.0.1'])('is %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    '192.168.1.4',
    'localhost.example.org',
    '127.0.0.1.example.org',
    'memory',
  ])('is not %s', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});
