import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { QueryStatus } from '#shared/contract/query-status';
import { CallerQueries } from '#shared/redis/caller-queries';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryCounts, QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { checkedFetch, checkedOperatorFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { type OperatorListener, startOperatorListener } from '../support/operator-listener';
import { type PublicListener, ScriptedWorker, startPublicListener } from '../support/public-listener';

const RANGE = { start: '2021-10-10', end: '2021-10-12' };
const NONE = { Pending: 0, Running: 0, Completed: 0, Failed: 0, Terminated: 0 };
const MINUTE_MS = 60_000;

let keys: RecordKeys;
let redis: Redis;
let listener: PublicListener;
let operator: OperatorListener;
let worker: ScriptedWorker;
let counts: QueryCounts;

beforeEach(async () => {
  const env = { KEY_PREFIX: `{t-${randomUUID()}}` };
  keys = new RecordKeys(env.KEY_PREFIX);
  redis = new Redis(inject('redisUrl'));
  [listener, operator] = await Promise.all([
    startPublicListener(inject('redisUrl'), env),
    startOperatorListener(inject('redisUrl'), env),
  ]);
  worker = new ScriptedWorker(inject('redisUrl'), env.KEY_PREFIX);
  counts = new QueryCounts(redis, keys, new QueryStates(redis, keys, new Outcomes(redis, keys, 60)));
  return async () => {
    await Promise.all([listener.stop(), operator.stop()]);
    worker.stop();
    redis.disconnect();
  };
});

async function submit(headers: Record<string, string> = {}): Promise<string> {
  const { headers: own, ...init } = toSubmission(RANGE);
  const answer = await checkedFetch(`${listener.url}/api/queries`, { ...init, headers: { ...own, ...headers } });
  return ((await answer.json()) as { id: string }).id;
}

const remove = (url: string) => checkedFetch(url, { method: 'DELETE' });
/** As if a query had got its status a while ago. */
const age = (status: QueryStatus, id: string) => redis.zincrby(keys.queriesOf(status), -MINUTE_MS, id);

describe('the queries of each status', () => {
  it('are counted through all that can become of one', async () => {
    expect(await counts.refresh()).toEqual(NONE);
    const [completed = '', failed = '', terminated = '', running = ''] = await Promise.all(
      Array.from({ length: 5 }, () => submit()),
    );
    expect(await counts.refresh()).toEqual({ ...NONE, Pending: 5 });
    for (const id of [completed, failed, running]) await worker.begin(id);
    expect(await counts.refresh()).toEqual({ ...NONE, Pending: 2, Running: 3 });
    await worker.end(completed);
    await worker.fail(failed, 'TABLE_THROTTLED');
    await remove(`${listener.url}/api/queries/${terminated}`);
    const all = { Pending: 1, Running: 1, Completed: 1, Failed: 1, Terminated: 1 };
    expect(await counts.refresh()).toEqual(all);
    await worker.release(failed);
    expect((await fetch(`${operator.url}/operator/queries/${failed}`, { method: 'DELETE' })).status).toBe(204);
    expect(await counts.refresh()).toEqual({ ...all, Failed: 0 });
    // As if it had expired.
    await redis.zadd(keys.queriesOf('Completed'), 1, completed);
    expect(await counts.refresh()).toEqual({ ...all, Failed: 0, Completed: 0 });
  });

  it('have a query once, however many submissions of it race, and a run that is begun again', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const [id = ''] = await Promise.all(Array.from({ length: 20 }, () => submit(key)));
    expect(await counts.refresh()).toEqual({ ...NONE, Pending: 1 });
    await worker.begin(id);
    await worker.begin(id);
    // A submission that looked before the first one had been queued, and is let in late.
    await new CallerQueries(redis, keys, 60).admit('anonymous', id, 10);
    expect(await counts.refresh()).toEqual({ ...NONE, Running: 1 });
  });

  it('are rid of what ended without a word', async () => {
    const [byHand = '', lost = ''] = [await submit(), await submit()];
    await new CallerQueries(redis, keys, 60).admit('anonymous', '0123456789abcdef0123456789abcdef', 10);
    await worker.begin(lost);
    await redis.del(keys.job(byHand));
    await redis.hset(keys.job(lost), { finishedOn: 1 });
    // It may still be queued.
    expect(await counts.refresh()).toEqual({ ...NONE, Pending: 2, Running: 1 });
    for (const id of [byHand, '0123456789abcdef0123456789abcdef']) await age('Pending', id);
    await age('Running', lost);
    expect(await counts.refresh()).toEqual({ ...NONE, Failed: 1 });
  });

  it('leave nothing behind that never expires', async () => {
    const [ended = '', begun = ''] = [await submit(), await submit()];
    await submit();
    await worker.begin(begun);
    await worker.end(ended);
    for (const status of ['Pending', 'Running', 'Completed'] as const) {
      expect([status, (await redis.pttl(keys.queriesOf(status))) > 0]).toEqual([status, true]);
    }
  });

  it('cost as many commands with thousands of queries as with one', async () => {
    const id = await submit();
    await age('Pending', id);
    const count = async () => {
      let commands = 0;
      const sendCommand = redis.sendCommand.bind(redis);
      redis.sendCommand = (...args) => {
        commands += 1;
        return sendCommand(...args);
      };
      const read = await counts.refresh();
      redis.sendCommand = sendCommand;
      return { commands, read };
    };
    await counts.refresh();
    const few = await count();
    for (const status of Object.values(QueryStatus)) {
      const members = Array.from({ length: 5_000 }, (_, i) => [Date.now() + MINUTE_MS, `${status}-${i}`]).flat();
      await redis.zadd(keys.queriesOf(status), ...members);
    }
    expect(await count()).toEqual({
      commands: few.commands,
      read: { Pending: 5_001, Running: 5_000, Completed: 5_000, Failed: 5_000, Terminated: 5_000 },
    });
  });
});

describe('the history of a query that its caller terminated', () => {
  it('tells whose word it was, once, and the public document does not', async () => {
    const id = await submit();
    const url = `${listener.url}/api/queries/${id}`;
    expect([(await remove(url)).status, (await remove(url)).status]).toEqual([202, 200]);
    const answer = await checkedOperatorFetch(`${operator.url}/operator/queries/${id}?showHistory=true`);
    const shown = (await answer.json()) as { history: object; finishedAt: string };
    expect(shown.history).toEqual({
      events: [{ at: shown.finishedAt, kind: 'terminated', caller: 'anonymous' }],
      dropped: 0,
    });
    expect(await (await checkedFetch(url)).text()).not.toContain('"caller"');
    const ttls = await Promise.all([keys.history(id).events, keys.outcome(id)].map((key) => redis.pttl(key)));
    expect(Math.abs((ttls[0] ?? 0) - (ttls[1] ?? 0))).toBeLessThan(5_000);
  });
});
