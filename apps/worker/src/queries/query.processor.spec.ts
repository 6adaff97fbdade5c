import { describe, expect, it } from 'vitest';
import { QueryProcessor } from './query.processor';

describe('QueryProcessor', () => {
  it('declares the three plain parameters without which BullMQ gives it no signal', () => {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- looked at, not called
    expect(QueryProcessor.prototype.process.length).toBe(3);
  });
});
