import type { Redis } from 'ioredis';

/** BullMQ trims its stream of events to about 10,000; a trim in whole blocks leaves some more. */
const MOST_EVENTS = 11_000;

/** What lives as long as the service: lists of BullMQ, beside the jobs that it holds for a time, and ours, which are trimmed. */
const KEPT =
  /:(queries|purges):(id|meta|events|completed|failed|stalled-check|marker|[0-9a-f]{32})$|:queries:metrics:|:queries-of:|:(all-queries|workers|ended|audit)$/;

/** I6: when all has ended there is no lock, no job under way, and nothing else that never goes away by itself. */
export async function findLeftovers(redis: Redis, prefix: string): Promise<string[]> {
  const queue = `${prefix}:queries`;
  const violations: string[] = [];
  for (const list of ['wait', 'active', 'paused']) {
    const length = await redis.llen(`${queue}:${list}`);
    if (length > 0) violations.push(`I6: ${length} jobs are left in ${list}`);
  }
  for (const set of ['delayed', 'prioritized']) {
    const size = await redis.zcard(`${queue}:${set}`);
    if (size > 0) violations.push(`I6: ${size} jobs are left in ${set}`);
  }
  const events = await redis.xlen(`${queue}:events`);
  if (events > MOST_EVENTS) violations.push(`I6: ${events} events are left in the stream`);
  for (const key of await redis.keys(`${prefix}:*`)) {
    if (key.endsWith(':lock')) violations.push(`I6: the lock ${key} is left`);
    if (key.includes(':live:')) violations.push(...(await findEndedLive(redis, prefix, key)));
    const isTemporary = !KEPT.test(key) && !key.includes(':live:') && !key.startsWith(queue);
    if (isTemporary && (await redis.pttl(key)) === -1) violations.push(`I6: ${key} never expires`);
  }
  return violations;
}

async function findEndedLive(redis: Redis, prefix: string, key: string): Promise<string[]> {
  const ids = await redis.zrange(key, 0, -1);
  const ended = [];
  for (const id of ids) if ((await redis.exists(`${prefix}:outcome:${id}`)) === 1) ended.push(id);
  return ended.map((id) => `I6: ${id} has ended and is counted as live`);
}
