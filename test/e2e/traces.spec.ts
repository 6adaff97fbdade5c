import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type CollectedSpan, type OtlpCollector, startOtlpCollector } from '../support/otlp-collector';
import { startSystem } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import { toConnectionString } from '../support/table-double/start-table-double';

const RANGE = { start: '2021-10-01', end: '2021-10-02' };
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

let collector: OtlpCollector;

beforeEach(async () => {
  collector = await startOtlpCollector();
});

afterEach(() => collector.stop());

async function start(env: Record<string, string> = {}) {
  const system = await startSystem({
    rows: { partitions: generateDays('2021-10-01', 2, 1_500), distinctIdentifiers: 900, withoutIdentifier: 0 },
    env: {
      PAGE_RETRY_SECONDS: '1',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      ...env,
    },
  });
  onTestFinished(() => system.stop());
  return { ...system, worker: await system.addWorker() };
}

/** The names of the spans under a span, as a tree; equal names are merged. */
function toTree(spans: readonly CollectedSpan[], parent: CollectedSpan): object {
  const children = spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId);
  return Object.fromEntries(children.map((child) => [child.name, toTree(spans, child)]));
}

describe('the trace of a query', () => {
  it('is one trace from the caller through the queue to each page, exported before the processes end', async () => {
    const { api, worker, client, double } = await start();
    double.configure({ faults: [{ fault: { kind: 'status', status: 503 }, to: 1 }] });
    const headers = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`, baggage: 'person=canary' };
    const id = await client.submit(RANGE, headers);
    await client.waitForEnd(id);
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
    ['without the general one', ''],
    ['and not to the general one', 'http://127.0.0.1:1'],
  ])('is sent to OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, %s', async (_name, other) => {
    const { api, worker, client } = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: other,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
    });
    await client.waitForEnd(await client.submit(RANGE));
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
  ])('has its id in the log entry of a failed run, and only the code of the failure: %s', async (_name, table) => {
    const { api, worker, client } = await start({ TABLE_CONNECTION_STRING: table });
    const id = await client.submit(RANGE);
    await client.waitForEnd(id);
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

describe('an unreachable collector', () => {
  it('delays neither the answer nor the end of the processes', async () => {
    const { api, worker, client } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
    const id = await client.submit(RANGE);
    expect(await client.waitForEnd(id)).toMatchObject({ status: 'Completed' });
    const begun = performance.now();
    expect(await Promise.all([api.end(), worker.end()])).toEqual([0, 0]);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

describe('without OTEL_EXPORTER_OTLP_ENDPOINT', () => {
  it('no process loads the SDK of OpenTelemetry', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'audit-query-modules-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const hook = join(folder, 'print-modules.cjs');
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
