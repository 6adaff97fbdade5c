import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listFiring, NO_PROMTOOL, readSamples } from '../support/promtool';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import { waitUntil } from '../support/wait-until';

const RANGE = { start: '2021-10-01', end: '2021-10-04' };
const ALERTS = ['AuditQueryNoWorker', 'AuditQueryFailures', 'AuditQueryThrottled', 'AuditQueryRedisAway'];

let system: System;
let api: ServiceProcess;

beforeEach(async () => {
  system = await startSystem({
    rows: { partitions: generateDays('2021-10-01', 4, 2_500), distinctIdentifiers: 2_000, withoutIdentifier: 0 },
    env: { PAGE_RETRY_SECONDS: '1' },
  });
  ({ api } = system);
});

afterEach(() => system.stop());

const addWorker = (env?: Record<string, string>) => system.addWorker(env);
const submit = () => system.client.submit(RANGE);
const waitForEnd = (id: string) => system.client.waitForEnd(id);

async function scrape(url: string | undefined): Promise<string> {
  const answer = await fetch(`${url}/metrics`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  return answer.text();
}

/** The sum of all series of a metric with these labels. */
function read(text: string, name: string, ...labels: string[]): number | undefined {
  const values = [...readSamples(text)].filter(
    ([series]) => series.split('{')[0] === name && labels.every((label) => series.includes(label)),
  );
  return values.length === 0 ? undefined : values.reduce((sum, [, value]) => sum + Number(value), 0);
}

describe('the metrics', () => {
  it('count queries by their ends and pages by their faults, without ids, days or callers', async () => {
    const id = await submit();
    const waiting = await scrape(api.operatorUrl);
    expect(read(waiting, 'audit_query_queue_jobs', 'state="wait"')).toBe(1);
    expect(read(waiting, 'audit_query_workers')).toBe(0);
    system.double.configure({ faults: [{ fault: { kind: 'status', status: 503 }, to: 2 }] });
    const worker = await addWorker();
    await waitForEnd(id);
    const ofWorker = await scrape(worker.url);
    expect(read(ofWorker, 'audit_query_entities_total')).toBe(10_000);
    expect(read(ofWorker, 'audit_query_page_seconds_count')).toBe(12);
    expect(read(ofWorker, 'audit_query_table_faults_total', 'code="TABLE_THROTTLED"')).toBe(2);
    expect(read(ofWorker, 'audit_query_page_retries_total', 'code="TABLE_THROTTLED"')).toBe(2);
    expect(read(ofWorker, 'audit_query_days_total', 'source="scanned"')).toBe(4);
    expect(read(ofWorker, 'audit_query_wait_seconds_count')).toBe(1);
    expect(read(ofWorker, 'audit_query_run_seconds_count', 'status="Completed"')).toBe(1);
    const ofApi = await scrape(api.operatorUrl);
    expect(read(ofApi, 'audit_query_queries_ended_total', 'status="Completed"')).toBe(1);
    expect(read(ofApi, 'audit_query_queries_ended_total', 'status="Failed"')).toBe(0);
    expect(read(ofApi, 'audit_query_workers')).toBe(1);
    expect(read(ofApi, 'audit_query_queue_jobs')).toBe(0);
    const route = 'route="/api/queries"';
    const posts = read(ofApi, 'audit_query_http_request_duration_seconds_count', 'method="POST"', route, '"2xx"');
    expect(posts).toBe(1);
    for (const text of [ofApi, ofWorker]) expect(text).not.toMatch(new RegExp(`${id}|2021-10|anonymous`));
  });

  it('count waiting clients, and label the answers that were held back', async () => {
    const id = await submit();
    const stop = new AbortController();
    const stream = await fetch(`${api.url}/api/queries/${id}/events`, { signal: stop.signal });
    const poll = fetch(`${api.url}/api/queries/${id}?wait=50`);
    const waiting = await waitUntil(
      'two waiting clients',
      () => scrape(api.operatorUrl),
      (text) => read(text, 'audit_query_waiting_clients') === 2,
    );
    expect(read(waiting, 'audit_query_waiting_clients', 'kind="event_stream"')).toBe(1);
    await system.client.terminate(id);
    await poll;
    stop.abort();
    await stream.body?.cancel().catch(() => {});
    const after = await waitUntil(
      'no waiting client',
      () => scrape(api.operatorUrl),
      (text) => read(text, 'audit_query_waiting_clients') === 0,
    );
    expect(read(after, 'audit_query_http_request_duration_seconds_count', 'held="true"')).toBe(2);
    expect(read(after, 'audit_query_queries_ended_total', 'status="Terminated"')).toBe(1);
  });

  it('count the queries of each status, with the same result in every API process', async () => {
    const another = await system.addApi();
    const readStatuses = async ({ operatorUrl }: ServiceProcess) => {
      const samples = [...readSamples(await scrape(operatorUrl))];
      const own = samples.filter(([series]) => series.startsWith('audit_query_queries{'));
      const toStatus = (series: string) => /status="(\w+)"/.exec(series)?.[1] ?? '';
      return Object.fromEntries(own.map(([series, value]) => [toStatus(series), Number(value)] as const));
    };
    const expectStatuses = async (expected: Record<string, number>) => {
      const none = { Pending: 0, Suspended: 0, Running: 0, Completed: 0, Failed: 0, Terminated: 0 };
      const both = await Promise.all([api, another].map(readStatuses));
      expect(both).toEqual([
        { ...none, ...expected },
        { ...none, ...expected },
      ]);
    };
    await waitUntilReady(another);
    const completed = await submit();
    await addWorker();
    await waitForEnd(completed);
    await expectStatuses({ Completed: 1 });
    await fetch(`${api.operatorUrl}/operator/suspend`, { method: 'POST' });
    const [terminated = ''] = [await submit(), await submit()];
    await expectStatuses({ Completed: 1, Suspended: 2 });
    await system.client.terminate(terminated);
    await expectStatuses({ Completed: 1, Suspended: 1, Terminated: 1 });
    system.double.configure({ faults: [{ fault: { kind: 'hang' } }] });
    await fetch(`${another.operatorUrl}/operator/resume`, { method: 'POST' });
    const isRunning = (statuses: Record<string, number>) => statuses['Running'] === 1;
    await waitUntil('the query to run', () => readStatuses(another), isRunning);
    await expectStatuses({ Completed: 1, Running: 1, Terminated: 1 });
  });

  it('contain every metric that the dashboard and the alert rules use', async () => {
    const worker = await addWorker();
    system.double.configure({ faults: [{ fault: { kind: 'status', status: 503 }, to: 2 }] });
    await waitForEnd(await submit());
    const there = new Set(
      [await scrape(api.operatorUrl), await scrape(worker.url)]
        .flatMap((text) => [...readSamples(text).keys()])
        .map((series) => series.split('{')[0]),
    );
    const files = ['ops/grafana/audit-query.json', 'ops/prometheus/alerts.yaml'].map((file) =>
      readFileSync(file, 'utf8'),
    );
    const named = files.flatMap((text) => text.match(/\b(audit_query|bullmq|nodejs|process)_[a-z0-9_]+/g) ?? []);
    expect(new Set(named).size).toBeGreaterThan(20);
    expect([...new Set(named)].filter((name) => !there.has(name))).toEqual([]);
  });
});

describe('a worker that gets SIGSTOP', () => {
  it('counts as not alive until it continues, although its connections are open; its queries are Pending', async () => {
    const worker = await addWorker();
    const alive = async () => read(await scrape(api.operatorUrl), 'audit_query_workers');
    await waitUntil('the worker to be alive', alive, (count) => count === 1);
    worker.child.kill('SIGSTOP');
    try {
      await waitUntil('the worker not to be alive', alive, (count) => count === 0);
      const text = await scrape(api.operatorUrl);
      if (NO_PROMTOOL === undefined) {
        expect(listFiring({ api: [{ text, minutes: 5 }] }, ALERTS)).toEqual(['AuditQueryNoWorker']);
      }
      expect(await system.client.read(await submit())).toMatchObject({ status: 'Pending' });
    } finally {
      worker.child.kill('SIGCONT');
    }
    await waitUntil('the worker to be alive again', alive, (count) => count === 1);
  });
});

describe.skipIf(NO_PROMTOOL)(`the alerts${NO_PROMTOOL ? ` (skipped: ${NO_PROMTOOL})` : ''}`, () => {
  it('fire on the metrics of the processes: without a worker, and with a table that refuses', async () => {
    const id = await submit();
    const alone = await scrape(api.operatorUrl);
    expect(listFiring({ api: [{ text: alone, minutes: 10 }] }, ALERTS)).toEqual(['AuditQueryNoWorker']);

    system.double.configure({ faults: [{ fault: { kind: 'status', status: 503 } }] });
    const worker = await addWorker({ PAGE_RETRY_SECONDS: '10' });
    // Each refusal is repeated for a minute.
    const texts: string[] = [];
    await waitUntil(
      'many refusals',
      async () => {
        const text = await scrape(worker.url);
        const refusals = (one = '') => read(one, 'audit_query_scan_requests_total', 'end="pressed"') ?? 0;
        if (refusals(text) > refusals(texts.at(-1))) texts.push(text);
        return texts.length;
      },
      (count) => count >= 14,
    );
    expect(await waitForEnd(id)).toMatchObject({ status: 'Failed', error: { code: 'TABLE_THROTTLED' } });
    const afterApi = await scrape(api.operatorUrl);
    const histories = {
      api: [
        { text: alone, minutes: 3 },
        { text: afterApi, minutes: 12 },
      ],
      worker: texts.map((text) => ({ text, minutes: 1 })),
    };
    expect(listFiring(histories, ALERTS)).toEqual(['AuditQueryFailures', 'AuditQueryThrottled']);
  });
});
