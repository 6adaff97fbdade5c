import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type RedisProcess, SERVICE_USER } from '../../support/redis-servers/redis-process';
import { waitUntil } from '../../support/wait-until';
import type { Stage } from './stage';

/** A port without a server. */
const DEAD_PORT = 1;

type Refuse = (redis: RedisProcess) => Promise<{ mend: () => Promise<unknown> }>;

/** How to make Redis refuse all writes, by the code of its error. */
export const REFUSALS = {
  NOREPLICAS: async ({ client }) => {
    await client.config('SET', 'min-replicas-to-write', 1);
    return { mend: () => client.config('SET', 'min-replicas-to-write', 0) };
  },
  MISCONF: async ({ client, folder }) => {
    // Not even root can rename a snapshot onto a folder that is not empty.
    const blocked = join(folder, 'dump.rdb');
    await mkdir(join(blocked, 'in-the-way'), { recursive: true });
    await client.config('SET', 'save', '86400 1000000');
    await client.bgsave('SCHEDULE');
    await waitUntil(
      'a snapshot to fail',
      () => client.info('persistence'),
      (info) => info.includes('rdb_last_bgsave_status:err'),
    );
    return {
      mend: async () => {
        await client.config('SET', 'save', '');
        await rm(blocked, { recursive: true });
      },
    };
  },
  READONLY: async ({ client }) => {
    await client.replicaof('127.0.0.1', DEAD_PORT);
    return { mend: () => client.replicaof('NO', 'ONE') };
  },
} satisfies Record<string, Refuse>;

/** Rights that tests take from the Redis user of the service, as rules of `ACL SETUSER`. */
export const RIGHTS = [
  { name: 'INFO', take: ['-info'], give: ['+info'] },
  { name: 'EVAL', take: ['-eval', '-evalsha'], give: ['+eval', '+evalsha'] },
  { name: 'the keys of the service', take: ['resetkeys', '~other*'], give: ['~*'] },
] as const;

/** Changes the rights of the service's Redis user, also for open connections. */
export async function setRights({ redis }: Stage, rules: readonly string[]): Promise<void> {
  await redis.client.call('ACL', 'SETUSER', SERVICE_USER, ...rules);
}
