import { spawnSync } from 'node:child_process';

/** Whether there is a `redis-server` to be started as several; the embedded Redis is one alone, and speaks no TLS. */
export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}
