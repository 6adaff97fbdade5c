import type { RedisClient } from './redis-client';
import { isLossy, readAppendOnlyFile } from './redis-fitness';
import { readRedisMemory } from './redis-health';
import { Gauge } from 'prom-client';
import type { Metrics } from '../process/metrics';

/**
 * Whether Redis answers, how fast, and how full it is.
 *
 * @param key Any of those that are worked with: of a cluster, the server that holds it is looked at.
 */
export function observeRedis(metrics: Metrics, redis: RedisClient, key: string): void {
  const registers = [metrics.registry];
  const up = new Gauge({ name: 'audit_query_redis_up', help: 'Whether Redis answers this process: 1 or 0', registers });
  const roundTrip = new Gauge({
    name: 'audit_query_redis_round_trip_seconds',
    help: 'How long Redis took to answer one command, as this was scraped',
    registers,
  });
  const used = new Gauge({
    name: 'audit_query_redis_used_memory_bytes',
    help: 'Memory that Redis uses',
    registers,
  });
  const limit = new Gauge({
    name: 'audit_query_redis_max_memory_bytes',
    help: 'Memory that Redis may use; 0: no limit is set',
    registers,
  });
  const durable = new Gauge({
    name: 'audit_query_redis_durable',
    help: 'Whether accepted queries survive a killed Redis: 1 or 0; absent where Redis does not say',
    registers,
  });
  metrics.beforeScrape({
    async read() {
      // A connection for work would keep the command until Redis is back.
      if (redis.status !== 'ready') throw new Error('Redis is away');
      const begun = performance.now();
      await redis.exists(key);
      roundTrip.set((performance.now() - begun) / 1_000);
      const { usedBytes, limitBytes } = await readRedisMemory(redis, key);
      used.set(usedBytes);
      limit.set(limitBytes);
      const lossy = isLossy(await readAppendOnlyFile(redis, key));
      if (lossy === undefined) durable.remove();
      else durable.set(lossy ? 0 : 1);
      up.set(1);
    },
    forget() {
      up.set(0);
      for (const gauge of [roundTrip, used, limit, durable]) gauge.remove();
    },
  });
}
