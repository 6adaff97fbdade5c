import type { Redis } from 'ioredis';
import type { RedisProcess } from './redis-process';

/** Several servers, one of which holds what the service stores, and another of which takes its place when it is lost. */
export interface ReplicatedRedis {
  readonly servers: readonly RedisProcess[];
  /** As `REDIS_URL` takes it. */
  readonly url: string;
  /** The one that holds the records; another one after a failover that was waited for. */
  readonly primary: RedisProcess;
  readonly port: number;
  readonly client: Redis;
  /** Everything that any of them has written down. */
  readFiles(): Promise<Buffer>;
  /** Until another one is the primary, by the word of all that decide it. */
  waitForFailover(): Promise<void>;
  stop(): Promise<void>;
}

/** From now on nothing that is written reaches a replica: an administrator's mistake, to the servers a broken line. */
export async function breakReplication({ client }: ReplicatedRedis): Promise<void> {
  await client.call('ACL', 'SETUSER', 'default', '-psync', '-sync');
  await client.call('CLIENT', 'KILL', 'TYPE', 'replica');
}
