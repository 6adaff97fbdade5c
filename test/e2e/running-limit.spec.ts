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
const RANGE = { start: '2021-10-01', end: '2021-10-04' };

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
    LOCK_SECONDS: '1',
  };
  api = await startApi(env);
  await waitUntilReady(api);
  workers = [];
});

afterEach(async () => {
  const ends = await Promise.all([api, ...workers].map((process) => process.end()));
  await double.stop();
  for (const end of ends) expect([0, 'SIGKILL']).toContain(end);
});

async function addWorker(more: Record<string, string>): Promise<void> {
  const worker = await startWorker({ ...env, ...more });
  workers.push(worker);
  await waitUntilReady(worker);
}

async function readState(): Promise<State['queries']> {
  return ((await (await checkedOperatorFetch(`${api.operatorUrl}/operator/state`)).json()) as State).queries;
}

async function submitAll(): Promise<void> {
  for (let i = 0; i < QUERIES; i += 1) {
    const answer = await checkedFetch(`${api.url}/api/queries`, toSubmission(RANGE));
    expect(answer.status).toBe(202);
  }
}

/** @returns The most that were run at the same time. */
async function untilAllHaveEnded(): Promise<number> {
  let most = 0;
  const look = ({ waiting, active }: State['queries']) => {
    most = Math.max(most, active);
    return waiting + active === 0;
  };
  await waitUntil('all queries to end', readState, look, 60_000);
  return most;
}

it('two workers run one query at a time where MAX_RUNNING_QUERIES=1, until one begins that has no bound', async () => {
  await addWorker({ MAX_RUNNING_QUERIES: '1' });
  await addWorker({ MAX_RUNNING_QUERIES: '1' });
  await submitAll();
  expect(await untilAllHaveEnded()).toBe(1);
  await addWorker({});
  await submitAll();
  expect(await untilAllHaveEnded()).toBeGreaterThan(1);
});

it('the query of a lost worker keeps its place no longer than it takes to be taken over', async () => {
  await addWorker({ MAX_RUNNING_QUERIES: '1' });
  await submitAll();
  await waitUntil('a query to run', readState, ({ active }) => active === 1);
  await workers[0]?.end('SIGKILL');
  const ended = untilAllHaveEnded();
  await addWorker({ MAX_RUNNING_QUERIES: '1' });
  expect(await ended).toBe(1);
});
