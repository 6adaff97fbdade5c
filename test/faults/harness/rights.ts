import { SERVICE_USER } from '../../support/redis-servers/redis-process';
import type { Stage } from './stage';

/** What the user of the service's processes may lose, as rules of `ACL SETUSER`, and what gives it back. */
export const RIGHTS = [
  { name: 'INFO', take: ['-info'], give: ['+info'] },
  { name: 'EVAL', take: ['-eval', '-evalsha'], give: ['+eval', '+evalsha'] },
  { name: 'the keys of the service', take: ['resetkeys', '~other*'], give: ['~*'] },
] as const;

/** Changes the rights of the service's processes, also on the connections that they have. */
export async function setRights({ redis }: Stage, rules: readonly string[]): Promise<void> {
  await redis.client.call('ACL', 'SETUSER', SERVICE_USER, ...rules);
}
