import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { Metrics } from '#shared/process/metrics';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { type PublicListener, startPublicListener } from '../support/public-listener';
import { readEvents } from '../support/read-events';
import { waitUntil } from '../support/wait-until';

const metrics = new Metrics('api');
let listener: PublicListener;
let id: string;

beforeAll(async () => {
  listener = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: `{t-${randomUUID()}}` }, { metrics });
});
beforeEach(async () => {
  const answer = await checkedFetch(
    `${listener.url}/api/queries`,
    toSubmission({ start: '2021-10-10', end: '2021-10-10' }),
  );
  id = ((await answer.json()) as { id: string }).id;
});
afterAll(() => listener.stop());

const get = (path: string, headers: Record<string, string> = {}) =>
  checkedFetch(`${listener.url}/api/queries/${id}${path}`, { headers });

/** How many answers to GET were held back for their client, and how many were not. */
async function countAnswers(): Promise<{ held: number; atOnce: number }> {
  const lines = (await metrics.render()).split('\n');
  const count = (held: boolean) =>
    lines
      .filter((line) => line.startsWith('audit_query_http_request_duration_seconds_count{'))
      .filter((line) => line.includes('method="GET"') && line.includes(`held="${held}"`))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  return { held: count(true), atOnce: count(false) };
}

async function expectCounted(ask: () => Promise<unknown>, expected: { held: number; atOnce: number }): Promise<void> {
  const before = await countAnswers();
  await ask();
  const after = await waitUntil(
    'the answer to be counted',
    countAnswers,
    (now) => now.held + now.atOnce > before.held + before.atOnce,
  );
  expect({ held: after.held - before.held, atOnce: after.atOnce - before.atOnce }).toEqual(expected);
}

describe('the time of an answer', () => {
  it.each([
    ['?wait=1', {}],
    ['/result', { prefer: 'respond-async, wait=1' }],
  ])('says nothing of the service where the client would wait: %s %j', (path, headers) =>
    expectCounted(() => get(path, headers), { held: 1, atOnce: 0 }),
  );

  it.each([['/events', {}] as const, ['', { accept: 'text/event-stream' }] as const])(
    'says nothing of the service where it is a stream of events: %s %j',
    (path, headers) =>
      expectCounted(
        async () => {
          const events = readEvents(await get(path, headers));
          await events.next();
          await checkedFetch(`${listener.url}/api/queries/${id}`, { method: 'DELETE' });
          while (!(await events.next()).done);
        },
        { held: 1, atOnce: 0 },
      ),
  );

  it.each([
    ['', {}],
    ['?wait=0', {}],
    ['', { prefer: 'wait=0' }],
    ['', { prefer: 'respond-async' }],
  ])('is that of the service where the client would not wait: %s %j', (path, headers) =>
    expectCounted(() => get(path, headers), { held: 0, atOnce: 1 }),
  );
});
