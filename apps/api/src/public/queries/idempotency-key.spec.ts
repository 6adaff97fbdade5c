import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readIdempotencyKey } from './idempotency-key';

/** As Node gives it: what is sent more than once is joined in `headers`. */
function toMessage(keys: string[]): IncomingMessage {
  if (keys.length === 0) return { headers: {}, headersDistinct: {} } as IncomingMessage;
  const headers = { 'idempotency-key': keys.join(', ') };
  return { headers, headersDistinct: { 'idempotency-key': keys } } as unknown as IncomingMessage;
}

describe('readIdempotencyKey', () => {
  it.each<[keys: string[], key: string | undefined]>([
    [[], undefined],
    [['a'], 'a'],
    [['a, b'], 'a, b'],
    [['x'.repeat(255)], 'x'.repeat(255)],
  ])('reads %j', (keys, key) => expect(readIdempotencyKey(toMessage(keys))).toBe(key));

  it.each([[['']], [['x'.repeat(256)]], [['a\u0007']], [['a', 'b']], [['a', 'a']]])('refuses %j', (keys) =>
    expect(() => readIdempotencyKey(toMessage(keys))).toThrow('IDEMPOTENCY_KEY_INVALID'),
  );
});
