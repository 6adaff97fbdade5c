import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { PURGE_JOB, PURGE_QUEUE } from '#shared/contract/purge-job';
import { QUERY_JOB, QUERY_QUEUE, toJobPayload } from '#shared/contract/query-job';
import type { QueryRequest } from '#shared/contract/query-request';
import { connectForWork } from '#shared/redis/connections';
import { findChromium, launchChromium } from '../support/browser';
import { type OperatorListener, startOperatorListener } from '../support/operator-listener';
import { sendRaw } from '../support/send-raw';
import { waitUntil } from '../support/wait-until';

/** What nobody who looks at the dashboard may see. */
const SECRETS = ['somebody@example.com', 'AccountKey', '190101011234', 'at Object.', 'return-secret'];

const toId = (digit: string) => digit.repeat(31) + 'a';
const [COMPLETED, FAILED, ACTIVE, WAITING, FOREIGN] = ['1', '2', '3', '4', '5'].map(toId) as [
  ...[string, string, string, string, string],
];
const REQUEST = { start: '2021-10-10', end: '2021-12-10', maxAgeSeconds: 0 } as QueryRequest;

const env = { KEY_PREFIX: `{t-${randomUUID()}}` };
const redis = connectForWork(inject('redisUrl'));
const connection = { connection: redis, prefix: env.KEY_PREFIX };
const queue = new Queue(QUERY_QUEUE, connection);
const purges = new Queue(PURGE_QUEUE, connection);
let listener: OperatorListener;
let writable: OperatorListener;

beforeAll(async () => {
  const start = (more: Record<string, string>) => startOperatorListener(inject('redisUrl'), { ...env, ...more });
  [listener, writable] = await Promise.all([start({}), start({ BOARD_READ_ONLY: 'false' })]);
  const worker = new Worker(QUERY_QUEUE, null, { ...connection, name: 'abc' });
  const take = async (id: string, data: object) => {
    await queue.add(QUERY_JOB, data, { jobId: id });
    const job = await worker.getNextJob('me');
    if (job === undefined) throw new Error('no job was there to be taken');
    await job.updateProgress({ percent: 41.9, daysTotal: 62, daysDone: 26, ended: true });
    await job.log('190101011234');
    return job;
  };
  const payload = toJobPayload(REQUEST, 'somebody@example.com', 'somebody@example.com');
  await (await take(COMPLETED, payload)).moveToCompleted('return-secret', 'me', false);
  await (await take(FAILED, payload)).moveToFailed(new Error('TABLE_THROTTLED'), 'me', false);
  const foreign = await take(FOREIGN, { identificationNumber: '190101011234', request: 'AccountKey=abc' });
  await foreign.moveToFailed(new Error('AccountKey=abc; at Object.<anonymous>'), 'me', false);
  await take(ACTIVE, payload);
  await queue.add(QUERY_JOB, payload, { jobId: WAITING });
  await purges.add(PURGE_JOB, { createdBefore: 1, operator: 'somebody@example.com' });
  await worker.close();
});
afterAll(async () => {
  await Promise.all([listener.stop(), writable.stop(), queue.close(), purges.close()]);
  await redis.quit();
});

const api = (path: string, from = listener) => `${from.url}/queues/api/queues${path}`;

describe('what the dashboard is given', () => {
  it.each(['latest', 'completed', 'failed', 'active', 'waiting'])(
    'holds nothing that is secret: %s',
    async (status) => {
      for (const name of [QUERY_QUEUE, PURGE_QUEUE]) {
        const text = await (await fetch(api(`?activeQueue=${name}&status=${status}`))).text();
        for (const secret of SECRETS) expect(text).not.toContain(secret);
      }
    },
  );

  it('is one job’s safe members, and where its document is', async () => {
    for (const id of [COMPLETED, FAILED, FOREIGN, ACTIVE, WAITING]) {
      for (const path of [`/${QUERY_QUEUE}/${id}`, `/${QUERY_QUEUE}/${id}/logs`, `/${QUERY_QUEUE}/${id}/flow`]) {
        const text = await (await fetch(api(path))).text();
        for (const secret of SECRETS) expect(text).not.toContain(secret);
      }
    }
    expect(await (await fetch(api(`/${QUERY_QUEUE}/${FAILED}`))).json()).toMatchObject({
      status: 'failed',
      job: {
        data: { version: 1, request: REQUEST },
        progress: { percent: 41.9, daysTotal: 62, daysDone: 26 },
        failedReason: 'TABLE_THROTTLED',
        stacktrace: [],
        externalUrl: { href: `/operator/queries/${FAILED}` },
      },
    });
    expect(await (await fetch(api(`/${QUERY_QUEUE}/${FOREIGN}`))).json()).toMatchObject({
      job: { failedReason: '(not shown)', data: { request: '(not shown)' } },
    });
  });

  it('shows both queues', async () => {
    const queues = [{ name: QUERY_QUEUE, readOnlyMode: true }, { name: PURGE_QUEUE }];
    expect(await (await fetch(api(''))).json()).toMatchObject({ queues });
  });
});

describe('what the dashboard may do', () => {
  const put = async (path: string, from: OperatorListener) => (await fetch(api(path, from), { method: 'PUT' })).status;

  it('is nothing by default', async () => {
    expect(await put(`/${QUERY_QUEUE}/pause`, listener)).toBe(405);
    expect(await put(`/${QUERY_QUEUE}/obliterate`, listener)).toBe(405);
    expect(await put('/pause', listener)).toBe(200);
    expect(await queue.isPaused()).toBe(false);
  });

  it('is all where it is opened, and is written down', async () => {
    expect(await put(`/${QUERY_QUEUE}/pause`, writable)).toBe(200);
    expect(await queue.isPaused()).toBe(true);
    expect(await put(`/${QUERY_QUEUE}/resume`, writable)).toBe(200);
    const { items } = (await (await fetch(`${writable.url}/operator/audit`)).json()) as { items: { action: string }[] };
    expect(items.slice(0, 2).map(({ action }) => action)).toEqual([
      'PUT /queues/api/queues/{queueName}/resume',
      'PUT /queues/api/queues/{queueName}/pause',
    ]);
  });
});

describe('the one hook of the listener', () => {
  it.each([
    ...['/queues', '/queues/', '//queues', '/QUEUES', '/queues/../queues', '/queues/%2e%2e/operator/state'],
    ...['/queues/static/js/none.js', '/queues/static/', '/queues/api/queues', '/operator/state', '/operator/nothing'],
    ...['/operator/openapi.json', '/', '/%FF'],
  ])('is passed by %s', async (path) => {
    const { headers } = await sendRaw(listener.url, path);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'/);
    expect(headers['content-security-policy']).not.toContain('upgrade-insecure-requests');
    expect(headers['x-content-type-options']).toBe('nosniff');
  });
});

describe.skipIf(findChromium() === undefined)('the dashboard in a browser', () => {
  let browser: Browser;
  let page: Page;
  const refused: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1_280, height: 900 } });
    page.on('requestfailed', (request) => refused.push(new URL(request.url()).host));
  });
  afterAll(() => browser.close());

  it('shows the queues with what waits, runs, is complete and failed, from its own files alone', async () => {
    await page.goto(`${listener.url}/queues`);
    await page.getByText(PURGE_QUEUE).first().waitFor();
    const text = await waitUntil(
      'the counts',
      () => page.locator('#root').innerText(),
      (shown) => /completed/i.test(shown) && /failed/i.test(shown),
    );
    expect(text.toLowerCase()).toContain(QUERY_QUEUE);
    // The fonts that its page would load from elsewhere.
    expect(new Set(refused)).toEqual(new Set(['fonts.googleapis.com']));
  });

  it.each([
    ['waiting', WAITING, '2021-12-10'],
    ['active', ACTIVE, '2021-12-10'],
    ['completed', COMPLETED, '2021-12-10'],
    ['failed', FAILED, 'TABLE_THROTTLED'],
  ])('shows a query that is %s without a secret, and leads to its document', async (status, id, shown) => {
    await page.goto(`${listener.url}/queues/queue/${QUERY_QUEUE}?status=${status}`);
    await page.locator(`a[href="/operator/queries/${id}"]`).first().waitFor();
    await page.getByText(shown).first().waitFor();
    const html = await page.content();
    for (const secret of SECRETS) expect(html).not.toContain(secret);
  });
});
