import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ERROR_TABLE } from '#shared/contract/error-codes';
import { checkedFetch } from '../support/checked-fetch';
import { type PublicListener, ScriptedWorker, startPublicListener } from '../support/public-listener';

interface Document {
  id: string;
  status: 'Pending' | 'Running' | 'Completed' | 'Failed' | 'Terminated';
  progress: { percent: number; atLeast: number };
}

const keyPrefix = `{t-${randomUUID()}}`;
let listener: PublicListener;
let worker: ScriptedWorker;

beforeAll(async () => {
  listener = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: keyPrefix });
  worker = new ScriptedWorker(inject('redisUrl'), keyPrefix);
});
afterAll(async () => {
  await listener.stop();
  worker.stop();
});

const day = fc
  .date({ min: new Date('2020-01-01'), max: new Date('2022-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const body = fc.oneof(
  fc
    .record({ start: day, end: day, maxAgeSeconds: fc.nat() }, { requiredKeys: [] })
    .map((value) => JSON.stringify(value)),
  fc
    .dictionary(fc.constantFrom('start', 'end', 'maxAgeSeconds', '__proto__', 'constructor', 'x'), fc.jsonValue())
    .map((value) => JSON.stringify(value)),
  fc.json(),
  fc.string({ unit: 'binary' }),
);
const header = fc
  .string({ unit: fc.constantFrom(...' !#$%&*+-./0123456789:;<=>?@ABCXYZ_abcwait,"\\é') })
  .map((text) => text.trim());
const segment = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 }),
  fc.string({ minLength: 1 }).map(encodeURIComponent),
  fc.constantFrom('%FF', '..', '%2e%2e', '%00', "'%20or%201%20eq%201"),
);
const query = fc
  .array(
    fc.tuple(fc.constantFrom('s', 'e', 'wait', 'status', 'pageSize', 'pageToken', 'createdAfter', 'x'), fc.string()),
    { maxLength: 4 },
  )
  .map((pairs) => (pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`));
const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS'),
  path: fc.oneof(
    fc.constantFrom(
      '/api/queries',
      '/api/submit/query',
      '/health/live',
      '/health/ready',
      '/api/openapi.json',
      '/',
      '/api',
    ),
    segment.map((id) => `/api/queries/${id}`),
    segment.map((id) => `/api/queries/${id}/result`),
    segment.map((id) => `/api/queries/${id}/events`),
    segment.map((id) => `/api/status/${id}`),
  ),
  query,
  body,
  headers: fc.record(
    {
      'content-type': fc.oneof(
        fc.constant('application/json'),
        fc.constantFrom('text/plain', 'application/json; charset=utf-8'),
      ),
      prefer: fc.oneof(fc.constantFrom('wait=0', 'wait=x'), header),
      'idempotency-key': header,
      'if-none-match': header,
      'last-event-id': header,
      accept: fc.constantFrom('application/json', 'text/html', '*/*', 'image/png', 'text/event-stream'),
    },
    { requiredKeys: [] },
  ),
});

describe('any request at all', () => {
  it('gets an answer that is documented, and never a 5xx', async () => {
    await fc.assert(
      fc.asyncProperty(request, async ({ method, path, query: parameters, body: payload, headers }) => {
        const hasBody = method !== 'GET' && method !== 'HEAD';
        const answer = await checkedFetch(`${listener.url}${path}${parameters.replace(/wait=[1-9]/g, 'wait=0')}`, {
          method,
          headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, toLatin1(value)])),
          ...(hasBody ? { body: payload } : {}),
        });
        expect(answer.status).toBeLessThan(500);
        const text = await answer.text();
        if (answer.status < 400 || text === '') return;
        if (!answer.headers.get('content-type')?.startsWith('application/problem+json')) return;
        const { code, status } = JSON.parse(text) as { code: keyof typeof ERROR_TABLE; status: number };
        expect([ERROR_TABLE[code].status, status]).toEqual([answer.status, answer.status]);
        expect(text).not.toMatch(/node_modules|at \w+ \(|redis|bullmq/i);
      }),
      { numRuns: 400 },
    );
  });
});

function toLatin1(text: string | undefined): string {
  return (text ?? '').replace(/[^\u0020-\u00ff]/g, '');
}

/** What can happen to a query, in any order and by anyone. */
const ACTIONS = ['poll', 'terminate', 'begin', 'report', 'end', 'expire lock'] as const;
const RANK = { Pending: 0, Running: 1, Completed: 2, Failed: 2, Terminated: 2 };

describe('the status of a query', () => {
  it('only moves forward, and stays once it is terminal, whatever happens in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...ACTIONS), { maxLength: 12 }),
        fc.boolean(),
        async (actions, together) => {
          const submitted = await checkedFetch(`${listener.url}/api/queries`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ start: '2021-10-10', end: '2021-10-10' }),
          });
          const { id } = (await submitted.json()) as Document;
          const seen: Document[] = [];
          const act = async (action: (typeof ACTIONS)[number], turn: number) => {
            const url = `${listener.url}/api/queries/${id}`;
            if (action === 'terminate') await checkedFetch(url, { method: 'DELETE' });
            else if (action === 'begin') await worker.begin(id);
            else if (action === 'report') await worker.report(id, turn * 5);
            else if (action === 'end') await worker.end(id);
            else if (action === 'expire lock') await worker.redis.del(`${keyPrefix}:queries:${id}:lock`);
            seen.push((await (await checkedFetch(url)).json()) as Document);
          };
          const readAgain = async () => {
            const answer = await checkedFetch(`${listener.url}/api/queries/${id}`);
            const text = await answer.text();
            expect(answer.status, text).toBe(200);
            seen.push(JSON.parse(text) as Document);
          };
          if (together) {
            // What each saw is in no order; what is afterwards stays.
            await Promise.all(actions.map(act));
            seen.length = 0;
            await readAgain();
            if (actions.includes('terminate') || actions.includes('end'))
              expect(RANK[seen[0]?.status ?? 'Pending']).toBe(2);
            for (const [turn, action] of actions.entries()) await act(action, turn);
          } else {
            for (const [turn, action] of actions.entries()) await act(action, turn);
          }
          await readAgain();
          for (const [i, { status, progress }] of seen.entries()) {
            const before = seen[i - 1];
            if (before === undefined) continue;
            expect(RANK[status]).toBeGreaterThanOrEqual(RANK[before.status]);
            if (RANK[before.status] === 2) expect(status).toBe(before.status);
            // One after the other, the scripted worker reports ever more.
            if (!together) expect(progress.percent).toBeGreaterThanOrEqual(before.progress.percent);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
