import { describe, expect, it } from 'vitest';
import { isNamedBy, toETag } from './etag';

describe('a validator', () => {
  const etag = toETag('a');

  it('is quoted, the same for the same body, and another for another', () => {
    expect(etag).toMatch(/^"[\w-]{27}"$/);
    expect(toETag('a')).toBe(etag);
    expect(toETag('b')).not.toBe(etag);
  });

  it.each<[string | undefined, boolean]>([
    [undefined, false],
    [etag, true],
    [`W/${etag}`, true],
    [`"x", ${etag}`, true],
    ['*', true],
    ['"x"', false],
    ['', false],
  ])('is named by %s: %s', (header, expected) => {
    expect(isNamedBy(header, etag)).toBe(expected);
  });
});
