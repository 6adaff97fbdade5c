import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkedFetch, checkedOperatorFetch } from '../support/checked-fetch';
import { followLocation, hasEnded } from '../support/conversation';
import { startSystem, type System } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import { waitUntil } from '../support/wait-until';

interface HistoryEvent {
  kind: string;
  worker: string;
  day?: string;
  source?: string;
  pages?: number;
  retries?: number;
  throttles?: number;
  end?: string;
  code?: string;
}

interface Document {
  id: string;
  status: string;
  progress: { daysDone: number };
  result: { count: number; daysReused: number; daysScanned: number; oldestScanAt: string } | null;
  createdAt: string;
  worker: { id: string; isAlive: boolean } | null;
  history: { events: HistoryEvent[]; dropped: number };
}

interface Workers {
  items: { id: string; pid: number; isAlive: boolean; version: string; queries: { id: string }[] }[];
}

const RANGE = { start: '2021-10-01', end: '2021-10-06' };
const SLOW = { fault: { kind: 'latency', ms: 60 } } as const;

let system: System;

beforeEach(async () => {
  system = await startSystem({
    rows: { partitions: generateDays(RANGE.start, 6, 8_500), distinctIdentifiers: 9_000 },
    faults: [SLOW],
    env: { SCAN_CONCURRENCY: '1', LOCK_SECONDS: '1', PAGE_RETRY_SECONDS: '1' },
  });
});

afterEach(() => system.stop());

const addWorker = () => system.addWorker();
const submit = () => system.client.submit(RANGE);

async function ask<T = Document>(path: string, method = 'GET'): Promise<T> {
  return (await (await checkedOperatorFetch(`${system.api.operatorUrl}/operator/${path}`, { method })).json()) as T;
}

const read = (id: string) => ask(`queries/${id}?showHistory=true&showHistoryOutput=true`);

function waitFor(id: string, what: string, isReached: (document: Document) => boolean): Promise<Document> {
  return waitUntil(what, () => read(id), isReached, 60_000);
}

const count = () => system.double.truth('audit', RANGE.start, RANGE.end).count;

/** The pages read so far of the current day, which has nine. */
function countPagesOfDay(): number {
  const day = system.double.requests.at(-1)?.day;
  return system.double.requests.filter((request) => request.day === day).length;
}

describe('the history of a query', () => {
  it('contains every run and every day with its worker, through a drain and a lost worker', async () => {
    const first = await addWorker();
    const id = await submit();
    const running = await waitFor(id, 'a day to be done', ({ progress }) => progress.daysDone >= 1);
    const { items } = await ask<Workers>('workers');
    expect(items).toMatchObject([{ pid: first.child.pid, isAlive: true, version: '0.1.0' }]);
    expect(running.worker).toMatchObject({ id: items[0]?.id, isAlive: true });
    await waitUntil('a partly read day', countPagesOfDay, (pages) => pages >= 3 && pages <= 6);
    expect(await first.end('SIGTERM')).toBe(0);
    expect(await ask<Workers>('workers')).toEqual({ items: [] });
    expect((await read(id)).worker).toBeNull();

    const second = await addWorker();
    await waitFor(id, 'more days to be done', ({ progress }) => progress.daysDone >= 3);
    await second.end('SIGKILL');
    const lost = await waitFor(id, 'the worker not to be alive', ({ worker }) => worker?.isAlive === false);
    expect(lost.status).toBe('Running');

    system.double.configure({ faults: [] });
    await addWorker();
    const { history, result } = await waitFor(id, 'the end of the last run', ({ history: { events } }) =>
      events.some(({ end }) => end === 'Completed'),
    );
    expect(result).toMatchObject({ count: count(), daysReused: 0 });
    expect(history.dropped).toBe(0);
    const runs = history.events.filter(({ kind }) => kind.startsWith('attempt'));
    expect(runs.map(({ kind, end }) => end ?? kind)).toEqual([
      ...['attempt-begun', 'GivenBack', 'attempt-begun', 'attempt-begun', 'Completed'],
    ]);
    expect(new Set(runs.map(({ worker }) => worker)).size).toBe(3);
    const lastRun = history.events.slice(history.events.lastIndexOf(runs.at(-2) as HistoryEvent));
    expect(lastRun.filter(({ kind }) => kind === 'day')).toHaveLength(6);
    const sources = new Set(history.events.map(({ source }) => source));
    for (const source of ['scanned', 'stored', 'resumed', 'interrupted']) expect(sources).toContain(source);
    const page = { kind: 'day', source: 'scanned', pages: 9, entities: 8_500, retries: 0, throttles: 0 };
    expect(history.events).toContainEqual(expect.objectContaining(page));
    expect(JSON.stringify(history)).not.toMatch(/identificationNumber|AccountKey/i);
    const plain = await ask(`queries/${id}?showHistory=true`);
    expect(JSON.stringify(plain.history)).not.toContain('pages');
  });
});

describe('a failed query', () => {
  it('continues after a rewind with its stored days, and reports them as reused', async () => {
    const busy = { fault: { kind: 'status', status: 503 }, day: '2021-10-06' } as const;
    system.double.configure({ faults: [busy] });
    await addWorker();
    const id = await submit();
    const hasFailed = ({ status, history }: Document) =>
      status === 'Failed' && history.events.some(({ end }) => end === 'Failed');
    const failed = await waitFor(id, 'the end', hasFailed);
    expect(failed).toMatchObject({ status: 'Failed', error: { code: 'TABLE_THROTTLED' } });
    const day = failed.history.events.find(({ source }) => source === 'interrupted');
    expect(day?.throttles).toBeGreaterThan(0);
    expect(day?.retries).toBe(day?.throttles);
    system.double.configure({ faults: [] });
    system.double.reset();
    const { id: successor } = await ask(`queries/${id}/rewind`, 'POST');
    const done = await waitFor(successor, 'the end', hasEnded);
    expect(done).toMatchObject({ status: 'Completed', result: { count: count(), daysReused: 5, daysScanned: 1 } });
    expect(Date.parse(done.result?.oldestScanAt ?? '')).toBeLessThan(Date.parse(done.createdAt));
    expect(new Set(system.double.requests.map((request) => request.day))).toEqual(new Set(['2021-10-06']));
  });
});

describe('suspended work', () => {
  it('starts after a resume; running queries complete', async () => {
    await addWorker();
    const running = await submit();
    await waitFor(running, 'the query to run', ({ status }) => status === 'Running');
    await ask('suspend', 'POST');
    const waiting = await submit();
    await waitFor(running, 'the end', hasEnded);
    expect(await read(waiting)).toMatchObject({ status: 'Pending', worker: null });
    expect(await ask<object>('state')).toMatchObject({ suspended: true, queries: { waiting: 1 }, workersAlive: 1 });
    await ask('resume', 'POST');
    expect(await waitFor(waiting, 'the end', hasEnded)).toMatchObject({ status: 'Completed' });
  });
});

describe('purging many queries', () => {
  it('runs in a worker, and has a status', async () => {
    system.double.configure({ faults: [] });
    const ids = await Promise.all([submit(), submit(), submit()]);
    await ask(`queries/${ids[0]}/terminate`, 'POST');
    const { links } = await ask<{ links: { self: string } }>('queries?status=Terminated', 'DELETE');
    await addWorker();
    const purge = await waitUntil(
      'the purge to end',
      async () => (await checkedOperatorFetch(system.api.operatorUrl + links.self)).json() as Promise<Document>,
      ({ status }) => status === 'Completed',
    );
    expect(purge).toMatchObject({ progress: { looked: 3, purged: 1 } });
    expect((await checkedFetch(`${system.api.url}/api/queries/${ids[0]}`)).status).toBe(404);
    const answer = await followLocation(`${system.api.url}/api/queries/${ids[1]}/result`);
    expect(answer.status).toBe(200);
  });
});
