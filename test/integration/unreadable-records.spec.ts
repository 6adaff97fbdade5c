import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { RecordKeys } from '#shared/redis/record-keys';
import { LiveQueries } from '../../apps/api/src/public/queries/live/live-queries';
import { checkedFetch, checkedOperatorFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { type OperatorListener, startOperatorListener } from '../support/operator-listener';
import { type PublicListener, ScriptedWorker, startPublicListener } from '../support/public-listener';
import { readEvents } from '../support/read-events';
import { waitUntil } from '../support/wait-until';

const RANGE = { start: '2021-10-10', end: '2021-10-10' };
const keyPrefix = `{t-${randomUUID()}}`;
const keys = new RecordKeys(keyPrefix);
let listener: PublicListener;
let operator: OperatorListener;
let worker: ScriptedWorker;
const logged: { code?: string; key?: string }[] = [];

beforeAll(async () => {
  const logger = { log() {}, warn() {}, error: (entry: object) => void logged.push(entry) };
  const env = { KEY_PREFIX: keyPrefix };
  // The logger of the last one is that of the process.
  operator = await startOperatorListener(inject('redisUrl'), env);
  listener = await startPublicListener(inject('redisUrl'), env, { logger });
  worker = new ScriptedWorker(inject('redisUrl'), keyPrefix);
});
afterAll(async () => {
  await Promise.all([listener.stop(), operator.stop()]);
  worker.stop();
});
beforeEach(() => void logged.splice(0));

async function submit(): Promise<string> {
  const answer = await checkedFetch(`${listener.url}/api/queries`, toSubmission(RANGE));
  return ((await answer.json()) as { id: string }).id;
}

const get = (path: string, headers: Record<string, string> = {}) =>
  checkedFetch(`${listener.url}/api/queries/${path}`, { headers });

async function codeOf(answer: Response): Promise<[status: number, code: unknown]> {
  return [answer.status, ((await answer.json()) as { code?: unknown }).code];
}

/** Opens a stream and a long poll, and waits until both wait. */
async function wait(id: string) {
  // Before that, those who wait look for themselves.
  await waitUntil(
    'the listener to hear of changes',
    () => worker.redis.pubsub('NUMSUB', keys.changes),
    ([, count]) => Number(count) > 0,
  );
  const events = readEvents(await get(`${id}/events`));
  await events.next();
  const poll = get(`${id}?wait=50`);
  await waitUntil(
    'both to wait',
    () => listener.app.get(LiveQueries).listenerCount,
    (waiting) => waiting === 2,
  );
  return { events, poll };
}

const UNREADABLE = ['{', 'null', '5', '{}', '{"status":"Completed","caller":"c","request":{},"createdAt":1}'];

describe('an outcome that cannot be read', () => {
  it.each(UNREADABLE)('%s: where only the message is broken, those who wait are told what is stored', async (text) => {
    const id = await submit();
    const { events, poll } = await wait(id);
    const outcome = await toOutcome(id);
    await worker.redis.multi().set(keys.outcome(id), outcome, 'EX', 60).publish(keys.changes, `${id} ${text}`).exec();
    expect(await (await poll).json()).toMatchObject({ status: 'Completed' });
    expect((await events.next()).value).toMatchObject({ event: 'end' });
    expect(logged).toEqual([{ code: 'RECORD_UNREADABLE', key: `${keys.changes} ${id}` }].map(asLogged));
  });

  it.each(UNREADABLE)('%s: 500 for its query, and every other one is served', async (text) => {
    const [id, other] = [await submit(), await submit()];
    const { events, poll } = await wait(id);
    await worker.redis.set(keys.outcome(id), text, 'EX', 60);
    await worker.redis.publish(keys.changes, `${id} ${text}`);
    expect(await codeOf(await poll)).toEqual([500, 'INTERNAL_ERROR']);
    // Ends without an event that would say what is not known.
    expect((await events.next()).done).toBe(true);
    for (const path of ['', '/result', '/events']) {
      expect(await codeOf(await get(`${id}${path}`))).toEqual([500, 'INTERNAL_ERROR']);
    }
    const list = (await (await checkedFetch(`${listener.url}/api/queries?pageSize=100`)).json()) as {
      items: { id: string }[];
    };
    const ids = list.items.map((item) => item.id);
    expect([ids.includes(id), ids.includes(other)]).toEqual([false, true]);
    expect(await (await get(other)).json()).toMatchObject({ status: 'Pending' });
    const ofRecord = logged.filter(({ key }) => key === keys.outcome(id));
    expect(ofRecord).toEqual([{ code: 'RECORD_UNREADABLE', key: keys.outcome(id) }].map(asLogged));
    expect(JSON.stringify(logged)).not.toContain('a request failed');
    // The operator can take it away.
    expect((await fetch(`${operator.url}/operator/queries/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await get(id)).status).toBe(404);
  });
});

describe('other records that cannot be read', () => {
  it('are left out of what is shown', async () => {
    const id = await submit();
    await worker.redis.hset(keys.job(id), 'progress', '{');
    expect(await (await get(id)).json()).toMatchObject({ status: 'Pending', progress: { percent: 0 } });
    const { events } = keys.history(id);
    await worker.redis.rpush(events, '{', '5', '{"at":1,"kind":"attempt-begun","worker":"ab"}');
    const shown = await checkedOperatorFetch(`${operator.url}/operator/queries/${id}?showHistory=true`);
    expect(await shown.json()).toMatchObject({ history: { events: [{ kind: 'attempt-begun' }], dropped: 2 } });
    for (const [worker_, text] of [
      ['a', '{'],
      ['b', '{"queries":5}'],
    ] as const) {
      await worker.redis.zadd(keys.workers, Date.now(), worker_);
      await worker.redis.set(keys.worker(worker_), text, 'EX', 60);
    }
    expect(await (await checkedOperatorFetch(`${operator.url}/operator/workers`)).json()).toEqual({ items: [] });
    await worker.redis.xadd(
      keys.audit,
      '*',
      'who',
      'w',
      'action',
      'a',
      'target',
      't',
      'parameters',
      '{',
      'outcome',
      '1',
    );
    expect(await (await checkedOperatorFetch(`${operator.url}/operator/audit?count=1`)).json()).toMatchObject({
      items: [{ who: 'w', parameters: {} }],
    });
    await worker.redis.hset(keys.job(id), 'data', '{');
    expect(await codeOf(await get(id))).toEqual([500, 'INTERNAL_ERROR']);
  });
});

function asLogged(entry: object): object {
  return expect.objectContaining(entry) as object;
}

async function toOutcome(id: string): Promise<string> {
  const request = { ...RANGE, maxAgeSeconds: 0 };
  const [createdAt] = await worker.redis.hmget(keys.job(id), 'timestamp');
  const at = Number(createdAt);
  const times = { createdAt: at, startedAt: at, finishedAt: at, expiresAt: at + 60_000 };
  return JSON.stringify({ status: 'Completed', caller: 'anonymous', request, ...times, result: null, error: null });
}
