import { once } from 'node:events';
import {
  createRedisCommandExecutor,
  redisCommandDefinitions,
  Resp2Server,
  RedisServerState,
} from 'js-redis-server/core';

// A process of its own for the Redis in JavaScript, which would hold up whatever shares an event loop with it.

/**
 * Its INFO says nothing about eviction, and a service that cannot see that Redis keeps what it holds does not call
 * itself ready. It has no memory limit at all, so nothing is ever evicted.
 */
function completeInfo(): void {
  const info = redisCommandDefinitions.find(({ name }) => name === 'info');
  if (info === undefined) throw new Error('The embedded Redis has no INFO.');
  const execute = info.execute.bind(info);
  Object.assign(info, {
    execute: ((args, context) => {
      const result = execute(args, context);
      if ('value' in result && result.value.kind === 'bulk-string' && result.value.value !== null) {
        const text = result.value.value.toString();
        result.value.value = Buffer.from(
          text
            .replace(/^# Memory\r?\n/m, '$&maxmemory_policy:noeviction\r\n')
            // `npm start` says itself that all is in memory: a warning in each log would ask for a setting that there is not.
            .replace(/^aof_enabled:.*\r?\n/m, ''),
        );
      }
      return result;
    }) satisfies typeof execute,
  });
}

async function serve(): Promise<void> {
  completeInfo();
  const redis = new Resp2Server({
    server: new RedisServerState({ databaseCount: 16 }),
    executor: createRedisCommandExecutor(),
  });
  // Not by its own `listen`, which binds all interfaces.
  redis.server.listen(0, '127.0.0.1');
  await once(redis.server, 'listening');
  console.log(`Listening on 127.0.0.1:${redis.getPort()}`);
}

void serve();
