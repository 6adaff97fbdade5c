import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createApiKeyFile, createKey } from '../../support/api-key-file';
import { waitUntilReady } from '../../support/service-processes';
import { type GeneratedRows, generateDays } from '../../support/table-double/generated-table';
import { startTableDoubleProcess } from '../../support/table-double/start-table-double-process';
import { startTcpProxy } from '../../support/tcp-proxy';
import { type CheckOptions, checkStage } from '../checker/check-stage';
import type { QueryRange } from './history';
import { RedisProcess, type RedisProcessOptions } from '../../support/redis-servers/redis-process';
import { Stage, type StageRedis } from './stage';

const TABLE_DOUBLE = join(process.cwd(), 'dist/test/support/table-double/table-double-process.js');

/** The default rows: 20 days of three pages, which the double answers after 60 ms each. */
export const DAYS = 20;
export const WHOLE_RANGE: QueryRange = { start: '2021-10-01', end: '2021-10-20' };
export const ROWS: GeneratedRows = {
  partitions: generateDays(WHOLE_RANGE.start, DAYS, 2_500),
  distinctIdentifiers: 20_000,
  withoutIdentifier: 0.01,
};
export const PAGE_LATENCY = { fault: { kind: 'latency', ms: 60 } } as const;

export interface StageOptions {
  apis?: number;
  workers?: number;
  redis?: RedisProcessOptions;
  rows?: GeneratedRows;
  /** Variables of every process. */
  env?: Record<string, string>;
  /** Exceptions from the rules for this run. */
  check?: CheckOptions;
}

/**
 * Runs a test on a stage of its own. Then waits for the end of every accepted query, ends every process, and checks the
 * answers, Redis and the output of the processes.
 *
 * @throws Error with all violations of the rules.
 */
export async function onStage(options: StageOptions, test: (stage: Stage) => Promise<void>): Promise<void> {
  return onStageOf(await RedisProcess.create(options.redis ?? {}), options, test);
}

/** Like `onStage`, with the given Redis, which it stops afterwards. */
export async function onStageOf<R extends StageRedis>(
  redis: R,
  options: Omit<StageOptions, 'redis'>,
  test: (stage: Stage<R>) => Promise<void>,
): Promise<void> {
  const stage = await buildStage(redis, options);
  try {
    await Promise.all([...stage.apis, ...stage.workers].map(waitUntilReady));
    await test(stage);
    await stage.settle(options.check?.mayBeLost);
    await stage.askForOthers();
    await stage.waitUntilIdle();
    await stage.endAll();
    const violations = await checkStage(stage, options.check);
    if (violations.length > 0) throw new Error(violations.join('\n'));
  } finally {
    await stage.tearDown();
  }
}

async function buildStage<R extends StageRedis>(
  redis: R,
  { apis = 1, workers = 1, rows = ROWS, env = {} }: StageOptions,
): Promise<Stage<R>> {
  const tableKey = randomBytes(64).toString('base64');
  const keys: [string, string] = [createKey(), createKey()];
  const double = await startTableDoubleProcess(TABLE_DOUBLE, {
    tables: { audit: { kind: 'generated', rows } },
    accountKeys: [tableKey],
    faults: [PAGE_LATENCY],
    pageCacheBytes: 50_000_000,
  });
  const startProxy = (port: number) => startTcpProxy({ host: '127.0.0.1', port });
  const proxies = {
    api: await startProxy(redis.port),
    worker: await startProxy(redis.port),
    table: await startProxy(double.port),
  };
  const keyFile = await createApiKeyFile({ reporting: [keys[0]], billing: [keys[1]] });
  const stage = new Stage(redis, double, proxies, keyFile, keys, tableKey, env);
  const adding = [
    ...Array.from({ length: apis }, () => stage.addApi()),
    ...Array.from({ length: workers }, () => stage.addWorker()),
  ];
  const failed = (await Promise.allSettled(adding)).find(({ status }) => status === 'rejected');
  if (failed === undefined) return stage;
  await stage.tearDown();
  throw (failed as PromiseRejectedResult).reason;
}
