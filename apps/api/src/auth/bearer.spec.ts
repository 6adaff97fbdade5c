import { describe, expect, it } from 'vitest';
import { readBearer } from './bearer';

describe('an Authorization header', () => {
  it('carries a bearer token, however its scheme is written', () => {
    expect(readBearer('Bearer aq_a-B1._~+/==')).toBe('aq_a-B1._~+/==');
    expect(readBearer('bEARER  x')).toBe('x');
    expect(readBearer(undefined)).toBeUndefined();
  });

  it.each([
    '',
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    'Bearer a b',
    'Bearer a,Bearer b',
    'aq_1',
    'Bearer ="a"',
    'Bearer é',
  ])('is refused when it is not of that form: %j', (header) => {
    expect(() => readBearer(header)).toThrow('UNAUTHENTICATED');
  });

  it('is refused unread when it is longer than any token', () => {
    expect(() => readBearer(`Bearer ${'x'.repeat(8_192)}`)).toThrow('UNAUTHENTICATED');
    expect(readBearer(`Bearer ${'x'.repeat(8_000)}`)).toHaveLength(8_000);
  });
});
