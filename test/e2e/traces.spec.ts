import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { type CollectedSpan, type OtlpCollector, startOtlpCollector } from '../support/otlp-collector';
import { type ServiceProcess, startApi, startWorker, waitUntilReady } from '../support/service-processes';
import { generateDays } from '../support/table-double/generated-table';
import { startTableDouble, toConnectionString } from '../support/table-double/start-table-double';
import type { TableDouble } from '../support/table-double/table-double';
import { waitUntil } from '../support/wait-until';

const RANGE = { start: '2021-10-01', end: '2021-10-02' };
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

let double: TableDouble;
let collector: OtlpCollector;
let env: Record<string, string>;

beforeEach(async () => {
  const rows = { partitions: generateDays('2021-10-01', 2, 1_500), distinctIdentifiers: 900, withoutIdentifier: 0 };
  double = await startTableDouble({ tables: { audit: { kind: 'generated', rows } } });
  collector = await startOtlpCollector();
  env = {
    REDIS_URL: inject('redisUrl'),
    KEY_PREFIX: `{t-${randomUUID()}}`,
    TABLE_CONNECTION_STRING: double.connectionString,
    PAGE_RETRY_SECONDS: '1',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  };
});

afterEach(async () => {
  await double.stop();
  await collector.stop();
});

async function start(more: Record<string, string> = {}): Promise<{ api: ServiceProcess; worker: ServiceProcess }> {
  const [api, worker] = await Promise.all([startApi({ ...env, ...more }), startWorker({ ...env, ...more })]);
  onTestFinished(async () => void (await Promise.all([api.end(), worker.end()])));
  await waitUntilReady(api);
  return { api, worker };
}

async function submit(api: ServiceProcess, headers: Record<string, string> = {}): Promise<string> {
  const submission = toSubmission(RANGE);
  const init = { ...submission, headers: { ...(submission.headers as Record<string, string>), ...headers } };
  return ((await (await checkedFetch(`${api.url}/api/queries`, init)).json()) as { id: string }).id;
}

function waitForEnd(api: ServiceProcess, id: string): Promise<{ status: string }> {
  return waitUntil(
    'the end of the query',
    async () => (await (await checkedFetch(`${api.url}/api/queries/${id}`)).json()) as { status: string },
    ({ status }) => status !== 'Pending' && status !== 'Running',
    60_000,
  );
}

/** The names under a span, as a tree; those of one name are told once. */
function toTree(spans: readonly CollectedSpan[], parent: CollectedSpan): object {
  const children = spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId);
  return Object.fromEntries(children.map((child) => [child.name, toTree(spans, child)]));
}

describe('the trace of a query', () => {
  it('is one, from the caller through the queue to each page, and is sent before the processes end', async () => {
    const { api, worker } = await start();
    double.configure({ faults: [{ fault: { kind: 'status', status: 503 }, to: 1 }] });
    const id = await submit(api, { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`, baggage: 'person=canary' });
    await waitForEnd(api, id);
    expect(await Promise.all([api.end(), worker.end()])).toEqual([0, 0]);
    const { spans } = collector;
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
    const [root, ...others] = spans.filter(({ parentSpanId }) => parentSpanId === 'b7ad6b7169203331');
    expect(others).toEqual([]);
    expect(root).toMatchObject({
      service: 'audit-query-api',
      name: 'POST /api/queries',
      attributes: { 'http.response.status_code': 202, 'audit_query.query_id': id },
    });
    expect(toTree(spans, root!)).toEqual({
      'add queries.count-distinct': { 'process queries': { 'scan day': { 'read page': {} } } },
    });
    const ofWorker = spans.filter(({ service }) => service === 'audit-query-worker').map(({ name }) => name);
    expect(ofWorker.sort()).toEqual(['process queries', ...Array<string>(4).fill('read page'), 'scan day', 'scan day']);
    const pages = spans.filter(({ name }) => name === 'read page').map(({ attributes }) => attributes);
    expect(
      pages.map((page) => [page['audit_query.day'], page['audit_query.page'], page['audit_query.entities']]).sort(),
    ).toEqual([
      ['2021-10-01', 1, 1_000],
      ['2021-10-01', 2, 500],
      ['2021-10-02', 1, 1_000],
      ['2021-10-02', 2, 500],
    ]);
    expect(pages.map((page) => page['audit_query.retries']).sort()).toEqual([0, 0, 0, 1]);
    expect(spans.flatMap(({ events }) => events)).toEqual(['fault']);
    const sent = collector.bodies.join('\n');
    for (const secret of ['canary', 'anonymous', 'AccountKey', 'PartitionKey', '127.0.0.1']) {
      expect(sent).not.toContain(secret);
    }
  });

  it.each([
    ['alone', ''],
    ['before the other', 'http://127.0.0.1:1'],
  ])('is sent where OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says, %s', async (_name, other) => {
    const { api, worker } = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: other,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
    });
    await waitForEnd(api, await submit(api));
    await Promise.all([api.end(), worker.end()]);
    expect(new Set(collector.spans.map(({ service }) => service))).toEqual(
      new Set(['audit-query-api', 'audit-query-worker']),
    );
  });

  it.each([
    ['a key', toConnectionString(1, 'c2VjcmV0LWNhbmFyeQ==')],
    [
      'a SAS',
      'TableEndpoint=http://127.0.0.1:1/devstoreaccount1;' +
        'SharedAccessSignature=sv=2022-11-02&tn=audit&sp=r&se=2999-01-01&sig=c2VjcmV0LWNhbmFyeQ%3D%3D',
    ],
  ])('is in the log of what goes wrong, and tells of a failed run its code alone: %s', async (_name, table) => {
    const { api, worker } = await start({ TABLE_CONNECTION_STRING: table });
    const id = await submit(api);
    await waitForEnd(api, id);
    await Promise.all([api.end(), worker.end()]);
    const [traceId] = new Set(collector.spans.map((span) => span.traceId));
    const lines = worker
      .output()
      .split('\n')
      .filter((line) => line.includes('a run failed'));
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { queryId: id, caller: 'anonymous', traceId, spanId: expect.any(String) as string, level: 'error' },
    ]);
    const run = collector.spans.find(({ name }) => name === 'process queries');
    expect(run?.attributes['bullmq.job.failed.reason']).toBe('TABLE_UNREACHABLE');
    expect(collector.bodies.join('\n')).not.toMatch(/127\.0\.0\.1|ECONNREFUSED|c2VjcmV0|sig=/);
    expect(worker.output()).not.toContain('c2VjcmV0');
  });
});

describe('a collector that is away', () => {
  it('costs neither the answer nor the end of the processes', async () => {
    const { api, worker } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
    const id = await submit(api);
    expect(await waitForEnd(api, id)).toMatchObject({ status: 'Completed' });
    const begun = performance.now();
    expect(await Promise.all([api.end(), worker.end()])).toEqual([0, 0]);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

describe('without OTEL_EXPORTER_OTLP_ENDPOINT', () => {
  it('nothing of the SDK of OpenTelemetry is loaded', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'audit-query-modules-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const hook = join(folder, 'tell-modules.cjs');
    const own = `Object.keys(require.cache).map((file) => /node_modules.(@opentelemetry.[^\\\\/]+|prom-client)/.exec(file)?.[1])`;
    writeFileSync(hook, `process.on('exit', () => console.log('modules', ...new Set(${own})));`);
    const { api, worker } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: '', NODE_OPTIONS: `--require=${hook}` });
    expect(await Promise.all([api.end(), worker.end()])).toEqual([0, 0]);
    for (const process of [api, worker]) {
      const modules = /^modules (.*)$/m.exec(process.output())?.[1]?.split(' ') ?? [];
      expect(modules.filter((name) => name !== 'undefined').sort()).toEqual(['@opentelemetry/api', 'prom-client']);
    }
  });
});
