import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkedOperatorFetch } from '../support/checked-fetch';
import { waitUntilReady } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import { waitUntil } from '../support/wait-until';

interface State {
  queries: { waiting: number; active: number };
}

const QUERIES = 4;
const RANGE = { start: '2021-10-01', end: '2021-10-04' };

let system: System;

beforeEach(async () => {
  system = await startSystem({
    rows: { partitions: generateDays('2021-10-01', 4, 2_000), distinctIdentifiers: 1_000, withoutIdentifier: 0 },
    faults: [{ fault: { kind: 'latency', ms: 60 } }],
    env: { SCAN_CONCURRENCY: '2', LOCK_SECONDS: '1' },
  });
});

afterEach(() => system.stop());

async function addWorker(env: Record<string, string>): Promise<void> {
  await waitUntilReady(await system.addWorker(env));
}

async function readState(): Promise<State['queries']> {
  return ((await (await checkedOperatorFetch(`${system.api.operatorUrl}/operator/state`)).json()) as State).queries;
}

async function submitAll(): Promise<void> {
  for (let i = 0; i < QUERIES; i += 1) await system.client.submit(RANGE);
}

/** @returns The largest number of queries that ran at the same time. */
async function untilAllHaveEnded(): Promise<number> {
  let most = 0;
  const look = ({ waiting, active }: State['queries']) => {
    most = Math.max(most, active);
    return waiting + active === 0;
  };
  await waitUntil('all queries to end', readState, look, 60_000);
  return most;
}

it('two workers with MAX_RUNNING_QUERIES=1 run one query at a time, until a worker without a limit starts', async () => {
  await addWorker({ MAX_RUNNING_QUERIES: '1' });
  await addWorker({ MAX_RUNNING_QUERIES: '1' });
  await submitAll();
  expect(await untilAllHaveEnded()).toBe(1);
  await addWorker({});
  await submitAll();
  expect(await untilAllHaveEnded()).toBeGreaterThan(1);
});

it('the query of a lost worker holds its slot until another worker takes it over', async () => {
  await addWorker({ MAX_RUNNING_QUERIES: '1' });
  await submitAll();
  await waitUntil('a query to run', readState, ({ active }) => active === 1);
  await system.workers[0]?.end('SIGKILL');
  const ended = untilAllHaveEnded();
  await addWorker({ MAX_RUNNING_QUERIES: '1' });
  expect(await ended).toBe(1);
});
