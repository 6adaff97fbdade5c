import type { Redis } from 'ioredis';

/** BullMQ trims its event stream to about 10,000 entries; Redis trims whole blocks and leaves some more. */
const MOST_EVENTS = 11_000;

/** Keys without an expiry: BullMQ's own, the jobs that it keeps for a time, and our lists, which are trimmed. */
const KEPT =
  /:(queries|purges):(id|meta|events|completed|failed|stalled-check|marker|[0-9a-f]{32})$|:queries:metrics:|:queries-of:|:(all-queries|workers|ended|audit|audit:reads|audit:failed-logins)$/;

/**
 * I6: after the end of all queries Redis has no lock, no job to run, no other key without an expiry, and no record of a
 * live query.
 *
 * @param halfWay How many submissions may have been recorded and not queued, or removed from the queue: they stay in the
 *   lists of live queries until the API reads these.
 */
export async function findLeftovers(redis: Redis, prefix: string, halfWay = 0): Promise<string[]> {
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
    const isTemporary = !KEPT.test(key) && !key.includes(':live:') && !key.startsWith(queue);
    if (isTemporary && (await redis.pttl(key)) === -1) violations.push(`I6: ${key} never expires`);
  }
  return [...violations, ...(await findLiveJobs(redis, prefix)), ...(await findLiveEntries(redis, prefix, halfWay))];
}

/** A job of a query without an outcome must have `ended` in its progress. */
async function findLiveJobs(redis: Redis, prefix: string): Promise<string[]> {
  const violations: string[] = [];
  for (const key of await redis.keys(`${prefix}:queries:*`)) {
    const id = /:queries:([0-9a-f]{32})$/.exec(key)?.[1];
    if (id === undefined || (await hasOutcome(redis, prefix, id))) continue;
    const progress = await redis.hget(key, 'progress');
    if (!progress?.includes('"ended":true')) violations.push(`I6: the job of ${id} has not ended: ${progress}`);
  }
  return violations;
}

/** Entries of live queries, by caller or by status. */
async function findLiveEntries(redis: Redis, prefix: string, halfWay: number): Promise<string[]> {
  const callers = await redis.keys(`${prefix}:live:*`);
  const violations: string[] = [];
  const unknown = new Set<string>();
  for (const key of [...callers, `${prefix}:status:Pending`, `${prefix}:status:Running`]) {
    for (const id of await redis.zrange(key, 0, -1)) {
      if (await hasEnded(redis, prefix, id)) violations.push(`I6: ${id} has ended and is still in ${key}`);
      else if ((await redis.exists(`${prefix}:queries:${id}`)) === 0) unknown.add(id);
    }
  }
  if (unknown.size <= halfWay) return violations;
  return [
    ...violations,
    `I6: ${unknown.size} queries are listed as live and have no record: ${[...unknown].join(', ')}`,
  ];
}

/** Whether the query has an outcome, or had one that has expired. */
async function hasEnded(redis: Redis, prefix: string, id: string): Promise<boolean> {
  const progress = await redis.hget(`${prefix}:queries:${id}`, 'progress');
  return progress?.includes('"ended":true') === true || hasOutcome(redis, prefix, id);
}

async function hasOutcome(redis: Redis, prefix: string, id: string): Promise<boolean> {
  return (await redis.exists(`${prefix}:outcome:${id}`)) === 1;
}
