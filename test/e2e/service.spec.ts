import { randomUUID } from 'node:crypto';
import { createHttpPoller, type OperationResponse } from '@azure/core-lro';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { connectTable, loadTable } from '../../apps/local/src/load-table';
import { EXAMPLE_QUERY, generateSampleData } from '../../apps/local/src/sample-data';
import { checkedFetch } from '../support/checked-fetch';
import { followLocation, toSubmission } from '../support/conversation';
import { type ServiceProcess, startApi } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import { waitUntil } from '../support/wait-until';

const { start, end, count } = EXAMPLE_QUERY;
const EXAMPLE = { start, end };

let system: System;
let api: ServiceProcess;

beforeAll(async () => {
  const table = { TABLE_CONNECTION_STRING: inject('tableConnectionString'), TABLE_NAME: 'endtoend' };
  await loadTable(connectTable(table.TABLE_CONNECTION_STRING, table.TABLE_NAME), generateSampleData());
  system = await startSystem({ workerEnv: table, workers: 1 });
  ({ api } = system);
});

afterAll(() => system.stop());

describe('the service, with the original’s own example', () => {
  it('answers a client that follows Location', async () => {
    const answer = await followLocation(`${api.url}/api/queries`, toSubmission(EXAMPLE));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      status: 'Completed',
      result: { count, daysScanned: 62, daysReused: 0 },
      progress: { percent: 100, daysTotal: 62, daysDone: 62, atLeast: count },
      error: null,
    });
  });

  it('answers a poller of the Azure SDK, which knows only Location', async () => {
    const submitted = await checkedFetch(`${api.url}/api/queries`, toSubmission(EXAMPLE));
    const poller = createHttpPoller({
      sendInitialRequest: async () => toOperationResponse('POST', submitted),
      sendPollRequest: async (path) => toOperationResponse('GET', await checkedFetch(new URL(path, api.url))),
    });
    const { body } = (await poller.pollUntilDone()) as { body: { result: { count: number } } };
    expect(body.result.count).toBe(count);
  });

  it('reuses days within maxAgeSeconds, and reports them', async () => {
    await followLocation(`${api.url}/api/queries`, toSubmission(EXAMPLE));
    const answer = await followLocation(`${api.url}/api/queries`, toSubmission({ ...EXAMPLE, maxAgeSeconds: 600 }));
    expect(await answer.json()).toMatchObject({ result: { count, daysScanned: 0, daysReused: 62 } });
  });

  it('shows the queue to operators, and no operators’ path to callers', async () => {
    const board = await fetch(`${api.operatorUrl}/queues/api/queues`);
    expect(await board.json()).toMatchObject({
      queues: [
        { name: 'queries', readOnlyMode: true },
        { name: 'purges', readOnlyMode: true },
      ],
    });
    expect((await fetch(`${api.operatorUrl}/api/queries`, toSubmission(EXAMPLE))).status).toBe(404);
    for (const path of ['/queues', '/queues/api/queues', '/metrics', '/operator/queries']) {
      expect((await checkedFetch(api.url + path)).status).toBe(404);
    }
  });

  it('is alive and ready', async () => {
    for (const { url } of [api, ...system.workers]) {
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
      expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    }
  });
});

describe('an API without its Redis', () => {
  it('logs why it is not ready', async () => {
    const lost = await startApi({ REDIS_URL: 'redis://127.0.0.1:1' });
    onTestFinished(async () => void (await lost.end()));
    expect((await fetch(`${lost.url}/health/ready`)).status).toBe(503);
    await waitUntil(
      'the log entry',
      () => lost.output(),
      (output) => output.includes('a request was not answered for now'),
    );
    expect(lost.output()).toContain('"reason":"The store of queries is unreachable."');
  });
});

async function toOperationResponse(method: string, answer: Response): Promise<OperationResponse> {
  const body = (await answer.json()) as Record<string, unknown>;
  return {
    flatResponse: { body },
    rawResponse: {
      statusCode: answer.status,
      headers: Object.fromEntries(answer.headers),
      body,
      request: { method: method, url: answer.url },
    },
  };
}

describe('an API that listens beyond loopback', () => {
  it.each([
    ['warns that Location is relative', {}, true],
    ['logs no warning with PUBLIC_BASE_URL', { PUBLIC_BASE_URL: 'https://audit.example' }, false],
  ])('%s', async (_name, env, isWarned) => {
    const open = { HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true', REDIS_URL: inject('redisUrl') };
    const exposed = await startApi({ ...open, KEY_PREFIX: `{t-${randomUUID()}}`, ...env });
    expect(await exposed.end()).toBe(0);
    expect(exposed.output().includes('PUBLIC_BASE_URL is not set')).toBe(isWarned);
  });
});
