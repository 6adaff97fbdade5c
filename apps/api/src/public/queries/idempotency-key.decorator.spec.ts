import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { IdempotencyKeyPipe } from './idempotency-key.decorator';

const pipe = new IdempotencyKeyPipe();

/** Like Node's: `headers` joins repeated headers. */
function toMessage(keys: string[]): IncomingMessage {
  if (keys.length === 0) return { headers: {}, headersDistinct: {} } as IncomingMessage;
  const headers = { 'idempotency-key': keys.join(', ') };
  return { headers, headersDistinct: { 'idempotency-key': keys } } as unknown as IncomingMessage;
}

describe('IdempotencyKeyPipe', () => {
  it.each<[keys: string[], key: string | undefined]>([
    [[], undefined],
    [['a'], 'a'],
    [['a, b'], 'a, b'],
    [['x'.repeat(255)], 'x'.repeat(255)],
  ])('reads %j', (keys, key) => expect(pipe.transform(toMessage(keys))).toBe(key));

  it.each([[['']], [['x'.repeat(256)]], [['a\u0007']], [['a', 'b']], [['a', 'a']]])('refuses %j', (keys) =>
    expect(() => pipe.transform(toMessage(keys))).toThrow('IDEMPOTENCY_KEY_INVALID'),
  );
});
