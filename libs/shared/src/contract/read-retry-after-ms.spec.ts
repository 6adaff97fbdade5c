import { describe, expect, it } from 'vitest';
import { readRetryAfterMs } from './read-retry-after-ms';

describe('readRetryAfterMs', () => {
  it('reads seconds, and a date that is not over', () => {
    expect(readRetryAfterMs('7')).toBe(7_000);
    const inAMinute = readRetryAfterMs(new Date(Date.now() + 60_000).toUTCString());
    expect(inAMinute).toBeGreaterThan(50_000);
    expect(readRetryAfterMs('Wed, 21 Oct 2015 07:28:00 GMT')).toBe(0);
  });

  it.each([undefined, '', 'soon', '-3.x'])('knows no time from %s', (header) => {
    expect(readRetryAfterMs(header)).toBeUndefined();
  });
});
