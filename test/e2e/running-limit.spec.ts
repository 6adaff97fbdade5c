import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { checkedFetch, checkedOperatorFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { type ServiceProcess, startApi, startWorker, waitUntilReady } from '../support/service-processes';
import { generateDays } from '../support/table-double/generated-table';
import { startTableDouble } from '../support/table-double/start-table-double';
import type { TableDouble } from '../support/table-double/table-double';
import { waitUntil } from '../support/wait-until';

interface State {
  queries: { waiting: number; active: number };
}

const QUERIES = 4;

let double: TableDouble;
let env: Record<string, string>;
let api: ServiceProcess;
let workers: ServiceProcess[];

beforeEach(async () => {
  const rows = { partitions: generateDays('2021-10-01', 4, 2_000), distinctIdentifiers: 1_000, withoutIdentifier: 0 };
  double = await startTableDouble({
    tables: { audit: { kind: 'generated', rows } },
    faults: [{ fault: { kind: 'latency', ms: 60 } }],
  });
  env = {
    REDIS_URL: inject('redisUrl'),
    KEY_PREFIX: `{t-${randomUUID()}}`,
    TABLE_CONNECTION_STRING: double.connectionString,
    SCAN_CONCURRENCY: '2',
  };
  api = await startApi(env);
  await waitUntilReady(api);
  workers = [];
});

afterEach(async () => {
  const ends = await Promise.all([api, ...workers].map((process) => process.end()));
  await double.stop();
  expect(ends.filter((end) => end !== 0)).toEqual([]);
});

async function addWorker(more: Record<string, string>): Promise<void> {
  const worker = await startWorker({ ...env, ...more });
  workers.push(worker);
  await waitUntilReady(worker);
}

async function readState(): Promise<State['queries']> {
  return ((await (await checkedOperatorFetch(`${api.operatorUrl}/operator/state`)).json()) as State).queries;
}

/** @returns The most that were run at the same time. */
async function runAll(): Promise<number> {
  let most = 0;
  for (let i = 0; i < QUERIES; i += 1) {
    const answer = await checkedFetch(
      `${api.url}/api/queries`,
      toSubmission({ start: '2021-10-01', end: '2021-10-04' }),
    );
    expect(answer.status).toBe(202);
  }
  await waitUntil('all queries to end', readState, ({ waiting, active }) => {
    most = Math.max(most, active);
    return waiting + active === 0;
  });
  return most;
}

it('two workers run one query at a time where MAX_RUNNING_QUERIES=1, until one begins that has no bound', async () => {
  await addWorker({ MAX_RUNNING_QUERIES: '1' });
  await addWorker({ MAX_RUNNING_QUERIES: '1' });
  expect(await runAll()).toBe(1);
  await addWorker({});
  expect(await runAll()).toBeGreaterThan(1);
});
