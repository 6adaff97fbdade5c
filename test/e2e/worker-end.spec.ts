import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

const DAY = '2021-10-10';
const GRACE_SECONDS = 2;
/** The pages since the last checkpoint, which a killed scan loses, and the page in flight. */
const PAGES_LOST = 50 + 1;

let system: System;
let proxy: TcpProxy;

beforeEach(async () => {
  system = await startSystem({
    rows: { partitions: [{ key: DAY, entities: 300_000 }], distinctIdentifiers: 50_000 },
    faults: [{ fault: { kind: 'latency', ms: 10 } }],
    env: { LOCK_SECONDS: '1', SHUTDOWN_GRACE_SECONDS: String(GRACE_SECONDS) },
  });
  const { hostname, port } = new URL(inject('redisUrl'));
  proxy = await startTcpProxy({ host: hostname, port: Number(port) });
});

afterEach(async () => {
  await system.stop();
  await proxy.stop();
});

async function addWorker(env: Record<string, string> = {}): Promise<ServiceProcess> {
  const worker = await system.addWorker(env);
  await waitUntilReady(worker);
  return worker;
}

const submit = () => system.client.submit({ start: DAY, end: DAY });
const waitForEnd = (id: string) => system.client.waitForEnd(id);
const pagesServed = () => system.double.requests.filter(({ end, entities }) => end === 'answered' && entities > 0);

function waitForPages(count: number) {
  return waitUntil(
    'answered pages',
    () => pagesServed().length,
    (pages) => pages >= count,
  );
}

describe('a worker that is killed in the middle of a giant day', () => {
  it('loses at most 50 pages each time', async () => {
    const id = await submit();
    for (const pages of [80, 180]) {
      const worker = await addWorker();
      await waitForPages(pages);
      await worker.end('SIGKILL');
    }
    await addWorker();
    const { count } = system.double.truth('audit', DAY, DAY);
    expect(await waitForEnd(id)).toMatchObject({ status: 'Completed', result: { count } });
    const distinct = new Set(pagesServed().map(({ continuation }) => JSON.stringify(continuation)));
    expect(pagesServed().length - distinct.size).toBeLessThanOrEqual(2 * PAGES_LOST);
  });
});

describe('a worker that gets SIGTERM', () => {
  it.each(['cut', 'silent'] as const)(
    'exits within its grace period while Redis is unreachable, and logs that the period ran out (%s)',
    async (mode) => {
      const worker = await addWorker({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
      await submit();
      await waitForPages(20);
      proxy.setMode(mode);
      const begun = performance.now();
      expect(await worker.end('SIGTERM')).toBe(0);
      expect(performance.now() - begun).toBeLessThan(GRACE_SECONDS * 1_000 + 1_000);
      expect(worker.output()).toContain('the process did not end within its grace period');
    },
  );
});

describe('a worker that counted as lost', () => {
  it('publishes nothing and stops when it continues, while another worker has its query', async () => {
    const late = await addWorker();
    const id = await submit();
    await waitForPages(20);
    late.child.kill('SIGSTOP');
    await addWorker();
    await waitForPages(60);
    late.child.kill('SIGCONT');
    await waitUntil(
      'the late worker to log LOCK_LOST',
      () => late.output(),
      (output) => output.includes('LOCK_LOST'),
    );
    const { count, entitiesRead } = system.double.truth('audit', DAY, DAY);
    const document = await waitForEnd(id);
    expect(document).toMatchObject({ status: 'Completed', result: { count, entitiesRead } });
    expect(await waitForEnd(id)).toEqual(document);
  });
});

describe('a worker without Redis', () => {
  it('logs one entry, and one when Redis is back', async () => {
    const worker = await addWorker({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
    const count = (text: string) => worker.output().split(text).length - 1;
    proxy.setMode('cut');
    await waitUntil(
      'many attempts to connect',
      () => proxy.refused,
      (refused) => refused > 10,
    );
    proxy.setMode('pass');
    await waitUntilReady(worker);
    await waitUntil(
      'the log entry of the reconnect',
      () => worker.output(),
      () => count('Redis is back') > 0,
    );
    expect([count('Redis is away'), count('Redis is back'), count('"code":"E')], worker.output()).toEqual([1, 1, 1]);
  });
});
