import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RedisServer } from './redis-server';
import { chooseKeyPrefix } from './services';

const toServer = (kind: RedisServer['kind']): RedisServer => ({
  ...{ url: 'redis://127.0.0.1:6379', kind, description: kind },
  stop: () => Promise.resolve(),
});

describe('the keys of a run on sample data', () => {
  const { KEY_PREFIX } = process.env;
  // As in a shell that has read `.env.example`, or the settings of a real service.
  beforeEach(() => void (process.env['KEY_PREFIX'] = '{audit-query}'));
  afterEach(() => {
    if (KEY_PREFIX === undefined) delete process.env['KEY_PREFIX'];
    else process.env['KEY_PREFIX'] = KEY_PREFIX;
  });

  it('are never those of a real service in a Redis that is given, and differ from one port to the next', () => {
    const prefixes = [3_000, 3_010].map((port) => chooseKeyPrefix(toServer('given'), port));
    expect(prefixes).toEqual([
      expect.stringMatching(/^\{audit-query-local-[\w.-]+-3000\}$/),
      expect.stringMatching(/^\{audit-query-local-[\w.-]+-3010\}$/),
    ]);
  });

  it.each(['native', 'embedded'] as const)('are the usual ones in a Redis of its own: %s', (kind) => {
    expect(chooseKeyPrefix(toServer(kind), 3_000)).toBe('{audit-query}');
  });
});
