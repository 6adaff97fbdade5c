import type { FastifyReply } from 'fastify';
import { describe, expect, it } from 'vitest';
import { varyBy } from './headers';

function vary(before: string | string[] | undefined, name: string): unknown {
  let header: unknown = before;
  const reply = { getHeader: () => header, header: (_name: string, value: string) => (header = value) };
  varyBy(reply as unknown as FastifyReply, name);
  return header;
}

describe('the headers that an answer depends on', () => {
  it.each<[string | string[] | undefined, string]>([
    [undefined, 'Accept'],
    ['Origin', 'Origin, Accept'],
    [['Origin', 'Cookie'], 'Origin, Cookie, Accept'],
    ['Origin, accept', 'Origin, accept'],
    ['*', '*'],
  ])('are those before, and one more: %s', (before, after) => expect(vary(before, 'Accept')).toBe(after));
});
