import type { Redis } from 'ioredis';
import type { RedisProcess } from './redis-process';

/** Several servers: one has the records, and another one replaces it when it is lost. */
export interface ReplicatedRedis {
  readonly servers: readonly RedisProcess[];
  /** As `REDIS_URL` takes it. */
  readonly url: string;
  /** The server with the records; another one after a failover for which the test has waited. */
  readonly primary: RedisProcess;
  readonly port: number;
  readonly client: Redis;
  /** The files of all servers. */
  readFiles(): Promise<Buffer>;
  /** Resolves when all deciding servers name another primary. */
  waitForFailover(): Promise<void>;
  stop(): Promise<void>;
}

/** From now on no write reaches a replica; for the servers it is a broken connection. */
export async function breakReplication({ client }: ReplicatedRedis): Promise<void> {
  await client.call('ACL', 'SETUSER', 'default', '-psync', '-sync');
  await client.call('CLIENT', 'KILL', 'TYPE', 'replica');
}
