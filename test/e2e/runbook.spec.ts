import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisProcess } from '../support/redis-servers/redis-process';
import { createApiKeyFile, createKey } from '../support/api-key-file';
import { listFiring, NO_PROMTOOL, type ScrapeHistory } from '../support/promtool';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import { waitUntil } from '../support/wait-until';

const RANGE = { start: '2021-10-01', end: '2021-10-04' };
const KEY_PREFIX = '{audit-query}';

/** Missing programs, of the runbook's commands and redis-server. */
const MISSING = ['bash', 'curl', 'redis-cli', 'redis-server'].filter(
  (program) => spawnSync(program, ['--version']).status !== 0,
);

/** The shell blocks of each chapter of the runbook. */
const blocks = new Map(
  readFileSync('docs/runbook.md', 'utf8')
    .split(/^## /m)
    .slice(1)
    .map((chapter) => [
      chapter.slice(0, chapter.indexOf('\n')),
      [...chapter.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands),
    ]),
);

let redis: RedisProcess;
let system: System;
let api: ServiceProcess;

beforeEach(async (context) => {
  if (MISSING.length > 0) return context.skip(`there is no ${MISSING.join(', ')} on the PATH`);
  redis = await RedisProcess.create({});
  system = await startSystem({
    redisUrl: `redis://127.0.0.1:${redis.port}`,
    rows: { partitions: generateDays('2021-10-01', 4, 2_500), distinctIdentifiers: 2_000, withoutIdentifier: 0 },
    env: { KEY_PREFIX, LOCK_SECONDS: '1' },
  });
  ({ api } = system);
});

afterEach(async () => {
  if (MISSING.length > 0) return;
  redis.signal('SIGCONT');
  await system.stop();
  await redis.stop();
});

const addWorker = (env?: Record<string, string>) => system.addWorker(env);
const submit = () => system.client.submit(RANGE);
const waitForEnd = (id: string) => system.client.waitForEnd(id);

/** Runs the first block of the page and then a block of a chapter. @returns Their output. */
function paste(chapter: string, block: number, more: Record<string, string> = {}): Promise<string> {
  const commands = [blocks.get('Before you begin')?.[0], blocks.get(chapter)?.[block]];
  if (commands.includes(undefined)) throw new Error(`${chapter} has no block ${block}`);
  const own = {
    API: api.url,
    OPERATOR: api.operatorUrl,
    WORKER: system.workers.at(-1)?.url,
    REDIS_URL: `redis://127.0.0.1:${redis.port}`,
  };
  const options = { env: { PATH: process.env['PATH'], ...own, ...more }, timeout: 60_000 };
  return new Promise((done) => {
    execFile('bash', ['--norc', '-c', commands.join('\n')], options, (_error, stdout, stderr) => done(stdout + stderr));
  });
}

async function scrape(url = ''): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

function expectFiring(alert: string, isFiring: boolean, histories: Record<string, ScrapeHistory>): void {
  // Without promtool only the commands of the chapter are tested.
  if (NO_PROMTOOL === undefined) expect(listFiring(histories, [alert])).toEqual(isFiring ? [alert] : []);
}

const completed = () => ({
  status: 'Completed',
  result: { count: system.double.truth('audit', RANGE.start, RANGE.end).count },
});

describe('the commands of the runbook work for', () => {
  it('AuditQueryNoWorker: a frozen worker', async () => {
    const frozen = await addWorker();
    await waitUntilReady(frozen);
    frozen.child.kill('SIGSTOP');
    const id = await submit();
    const state = () => paste('AuditQueryNoWorker', 0);
    // In the output of both commands: the worker may count as lost between the two.
    const isMissed = new RegExp(`"pid":${frozen.child.pid},[^}]*"isAlive":false[^]*"workersAlive":0`);
    const output = await waitUntil('the lost worker in the output', state, (text) => isMissed.test(text));
    expect(output).toContain('"queries":{"waiting":1,"active":0}');
    expectFiring('AuditQueryNoWorker', true, { api: [{ text: await scrape(api.operatorUrl), minutes: 5 }] });
    await addWorker();
    expect(await waitForEnd(id)).toMatchObject(completed());
    expectFiring('AuditQueryNoWorker', false, { api: [{ text: await scrape(api.operatorUrl), minutes: 5 }] });
  });

  it('AuditQueryNotObserved: a wrong key, and an API that has ended', async () => {
    const key = createKey();
    const keys = await createApiKeyFile({ prometheus: [key] });
    const guarded = await system.addApi({ OPERATOR_AUTH: 'basic', OPERATOR_KEYS_FILE: keys.path });
    try {
      const own = { API: guarded.url, OPERATOR: guarded.operatorUrl ?? '' };
      const look = (credential: string) =>
        paste('AuditQueryNotObserved', 0, { ...own, OPERATOR_CREDENTIAL: credential });
      expect(await look(`prometheus:${key}`)).toBe('{"status":"ok"}\nHTTP/1.1 200 OK\r\n');
      expect(await look('prometheus:wrong')).toBe('{"status":"ok"}\nHTTP/1.1 401 Unauthorized\r\n');
      await guarded.end();
      expect(await look('')).toContain('Failed to connect');
    } finally {
      await keys.remove();
    }
    const worker = await addWorker();
    expectFiring('AuditQueryNotObserved', true, { worker: [{ text: await scrape(worker.url), minutes: 7 }] });
  });

  it.each(['SIGSTOP', 'SIGKILL'] as const)('AuditQueryRedisAway: %s', async (signal) => {
    const worker = await addWorker();
    await waitUntilReady(worker);
    if (signal === 'SIGKILL') await redis.kill();
    else redis.signal(signal);
    const output = await paste('AuditQueryRedisAway', 0);
    expect(output).toContain('no answer');
    expect(output).toContain('The store of queries is unreachable.');
    expect(output).toContain('"redis":"unreachable"');
    for (const [app, url] of Object.entries({ api: api.operatorUrl, worker: worker.url })) {
      expectFiring('AuditQueryRedisAway', true, { [app]: [{ text: await scrape(url), minutes: 5 }] });
    }
    if (signal === 'SIGKILL') await redis.start();
    else redis.signal('SIGCONT');
    await Promise.all([api, worker].map(waitUntilReady));
    expect(await paste('AuditQueryRedisAway', 0)).toMatch(/^PONG\n\{"status":"ok"\}\n\{"status":"ok","checks":/);
    expectFiring('AuditQueryRedisAway', false, { api: [{ text: await scrape(api.operatorUrl), minutes: 5 }] });
  });

  it('AuditQueryOldestWaiting: suspended work', async () => {
    await waitUntilReady(await addWorker());
    await fetch(`${api.operatorUrl}/operator/suspend`, { method: 'POST' });
    const [first, second] = [await submit(), await submit()];
    // As if submitted a quarter of an hour ago.
    await redis.client.hset(`${KEY_PREFIX}:queries:${first}`, 'timestamp', Date.now() - 900_000);
    expectFiring('AuditQueryOldestWaiting', true, { api: [{ text: await scrape(api.operatorUrl), minutes: 7 }] });
    const output = await paste('AuditQueryOldestWaiting', 0);
    expect(output).toContain('"suspended":true,"queries":{"waiting":2,"active":0}');
    expect(output).toContain('"action":"POST /operator/suspend"');
    expect(output).toContain('audit_query_queries{status="Suspended",app="api"} 2');
    expect(output).not.toContain('_ended_total');
    expect(output).toContain('audit_query_scan_slots{state="limit",app="worker"} 16');
    expect(await paste('AuditQueryOldestWaiting', 2, { QUERY: first })).toContain('"status":"Terminated"');
    expect(await paste('AuditQueryOldestWaiting', 1)).toContain('"suspended":false');
    expect(await waitForEnd(second)).toMatchObject(completed());
    expectFiring('AuditQueryOldestWaiting', false, { api: [{ text: await scrape(api.operatorUrl), minutes: 7 }] });
  });

  it('AuditQueryFailures: a table that refuses', async () => {
    const worker = await addWorker();
    const before = await scrape(api.operatorUrl);
    system.double.configure({ faults: [{ fault: { kind: 'status', status: 403 } }] });
    const id = await submit();
    expect(await waitForEnd(id)).toMatchObject({ status: 'Failed', error: { code: 'TABLE_FORBIDDEN' } });
    const output = await paste('AuditQueryFailures', 0);
    expect(output).toMatch(new RegExp(`"id":"${id}","status":"Failed".*"code":"TABLE_FORBIDDEN"`));
    expect(output).toContain('"table":"TABLE_FORBIDDEN"');
    await waitUntil(
      'the log entry',
      () => worker.output(),
      (log) => /TABLE_FORBIDDEN.*"msg":"a run failed"/.test(log),
    );
    const after = await scrape(api.operatorUrl);
    const history = [before, after].map((text) => ({ text, minutes: 3 }));
    expectFiring('AuditQueryFailures', true, { api: history });
    system.double.configure({ faults: [] });
    const rewound = JSON.parse(await paste('AuditQueryFailures', 1, { QUERY: id })) as { id: string };
    expect(await waitForEnd(rewound.id)).toMatchObject(completed());
  });

  it('AuditQueryThrottled: a throttled account', async () => {
    system.double.configure({ faults: [{ fault: { kind: 'status', status: 503 } }] });
    const worker = await addWorker();
    const id = await submit();
    const look = () => paste('AuditQueryThrottled', 0);
    const output = await waitUntil('fewer slots', look, (text) => /slots\{state="limit",[^}]*\} [1-8]\n/.test(text));
    expect(output).toMatch(/^audit_query_scan_requests_total\{end="pressed",app="worker"\} [1-9]/m);
    expect(output).toMatch(/^audit_query_table_faults_total\{code="TABLE_THROTTLED",app="worker"\} [1-9]/m);
    expect(await worker.end()).toBe(0);
    system.double.configure({ faults: [] });
    await addWorker({ SCAN_CONCURRENCY: '2' });
    expect(await waitForEnd(id)).toMatchObject(completed());
  });

  it('AuditQueryRedisMemory: day sets', async () => {
    await addWorker();
    expect(await waitForEnd(await submit())).toMatchObject(completed());
    const used = Number(/^used_memory:(\d+)/m.exec(await redis.client.info('memory'))?.[1]);
    await redis.client.config('SET', 'maxmemory', Math.floor(used * 1.3));
    expectFiring('AuditQueryRedisMemory', true, { api: [{ text: await scrape(api.operatorUrl), minutes: 7 }] });
    const output = await paste('AuditQueryRedisMemory', 0);
    expect(output).toMatch(/^maxmemory:\d+\r?\nmaxmemory_policy:noeviction/m);
    expect(output).toMatch(/^Biggest string found .*:day:/m);
    await redis.client.config('SET', 'maxmemory', Math.floor(used * 0.9));
    expect(JSON.parse(await paste('AuditQueryRedisMemory', 1))).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    const listDays = () => redis.client.keys(`${KEY_PREFIX}:day:*`);
    expect(await listDays()).toHaveLength(4);
    expect(await paste('AuditQueryRedisMemory', 2)).toBe('4\n');
    expect(await listDays()).toEqual([]);
    await redis.client.config('SET', 'maxmemory', Math.floor(used * 1.3));
    expect(JSON.parse(await paste('AuditQueryRedisMemory', 1))).toMatchObject({ request: { status: null } });
    expect(await waitForEnd(await submit())).toMatchObject(completed());
    await redis.client.config('SET', 'maxmemory', used * 10);
    expectFiring('AuditQueryRedisMemory', false, { api: [{ text: await scrape(api.operatorUrl), minutes: 7 }] });
  });

  it('AuditQueryRedisNotDurable: a Redis without an append-only file', async () => {
    await redis.client.config('SET', 'appendonly', 'no');
    const worker = await addWorker();
    await waitUntil(
      'the warning',
      () => worker.output(),
      (log) => /"level":"warn".*"msg":"Accepted queries are lost if Redis is killed/.test(log),
    );
    expectFiring('AuditQueryRedisNotDurable', true, { api: [{ text: await scrape(api.operatorUrl), minutes: 7 }] });
    const output = await paste('AuditQueryRedisNotDurable', 0);
    expect(output).toContain('"durability":{"level":"none","lastWriteOk":null}');
    expect(output).toMatch(/^aof_enabled:0/m);
    expect(await paste('AuditQueryRedisNotDurable', 1)).toBe('OK\n');
    expect(await paste('AuditQueryRedisNotDurable', 0)).toContain('"durability":{"level":"second","lastWriteOk":true}');
    expectFiring('AuditQueryRedisNotDurable', false, { api: [{ text: await scrape(api.operatorUrl), minutes: 7 }] });
  });

  it('AuditQueryEventLoop: a worker with a blocked event loop', async () => {
    const blocking = `--require ${resolve('test/faults/harness/preload-blocking.cjs')}`;
    const worker = await addWorker({ NODE_OPTIONS: blocking, BLOCK_MS: '1500' });
    await waitUntil(
      'the worker to be listed',
      async () => (await fetch(`${api.operatorUrl}/operator/workers`)).text(),
      (workers) => workers.includes(`"pid":${worker.child.pid}`),
    );
    const text = await waitUntil(
      'a delay',
      () => {
        // At each attempt: on a slow machine one delay may disappear among the measurements since the last scrape.
        worker.child.kill('SIGUSR2');
        return scrape(worker.url);
      },
      (page) => Number(/^nodejs_eventloop_lag_p99_seconds\{[^}]*\} (\S+)/m.exec(page)?.[1]) > 0.5,
    );
    expectFiring('AuditQueryEventLoop', true, { worker: [{ text, minutes: 7 }] });
    worker.child.kill('SIGUSR2');
    const output = await paste('AuditQueryEventLoop', 0);
    expect(output.match(/^nodejs_eventloop_lag_p99_seconds\{app="(api|worker)"\} /gm)).toHaveLength(2);
    expect(output).toContain(`"pid":${worker.child.pid}`);
    expectFiring('AuditQueryEventLoop', false, { api: [{ text: await scrape(api.operatorUrl), minutes: 7 }] });
  });

  it('every alert with a chapter has commands', () => {
    const rules = readFileSync('ops/prometheus/alerts.yaml', 'utf8');
    for (const [, alert = ''] of rules.matchAll(/alert: (\w+)/g))
      expect([alert, blocks.get(alert)?.length]).not.toEqual([alert, 0]);
  });
});
