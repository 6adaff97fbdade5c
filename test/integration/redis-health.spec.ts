import { type AddressInfo, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { findRedisProblem, hasRoomToSpare } from '#shared/redis/redis-health';

const KEY_PREFIX = '{audit-query}';

/** Answers each INFO with one text and everything else with OK: what a managed Redis tells is its own business. */
async function startInfo(text: string): Promise<{ redis: Redis; stop: () => Promise<void> }> {
  const info = `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      for (const [, command] of chunk.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        socket.write(command?.toLowerCase() === 'info' ? info : '+OK\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const redis = new Redis((server.address() as AddressInfo).port, '127.0.0.1', { lazyConnect: true });
  await redis.connect();
  return {
    redis,
    async stop() {
      redis.disconnect();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

let stop: () => Promise<void>;
afterEach(() => stop());

describe('whether Redis may evict what it holds', () => {
  it.each([
    ['says that it does not', 'maxmemory_policy:noeviction\r\n', undefined, undefined],
    ['says that it does', 'maxmemory_policy:volatile-lru\r\n', 'evicting', 'evicting'],
    ['says nothing, as Azure Managed Redis', '', 'untold', undefined],
    ['says nothing behind the name of it, as Redis Enterprise', 'maxmemory_policy:\r\n', 'untold', undefined],
  ])('is judged where it %s', async (_case, policy, problem, assumed) => {
    const started = await startInfo(`# Memory\r\nused_memory:1\r\n${policy}mem_allocator:jemalloc\r\n`);
    stop = started.stop;
    const find = (assumeNoeviction: boolean) =>
      findRedisProblem(started.redis, { keyPrefix: KEY_PREFIX, assumeNoeviction });
    expect([(await find(false))?.kind, (await find(true))?.kind]).toEqual([problem, assumed]);
  });

  it('does not keep day sets from a Redis that tells no limit', async () => {
    const started = await startInfo('# Memory\r\nused_memory:1\r\n');
    stop = started.stop;
    expect(await hasRoomToSpare(started.redis, KEY_PREFIX)).toBe(true);
  });
});
