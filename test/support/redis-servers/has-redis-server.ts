import { spawnSync } from 'node:child_process';

/** Whether `redis-server` is installed. The embedded Redis is a single server without TLS. */
export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}
