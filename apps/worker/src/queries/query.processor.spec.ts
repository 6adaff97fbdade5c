import { describe, expect, it } from 'vitest';
import { QueryProcessor } from './query.processor';

describe('QueryProcessor', () => {
  it('declares the three plain parameters without which BullMQ gives it no signal', () => {
    expect(QueryProcessor.prototype.process.length).toBe(3);
  });
});
