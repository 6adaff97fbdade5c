import 'reflect-metadata';
import { parseConfig } from '#shared/config/parse-config';
import { WorkerConfig } from '#shared/config/worker-config';
import { type CalendarDay, listDays } from '#shared/contract/calendar-day';
import { connectForWork } from '#shared/redis/connections';
import { RecordKeys } from '#shared/redis/record-keys';
import { readRedisClock } from '#shared/redis/redis-client';
import { Metrics } from '#shared/process/metrics';
import { createTableScan } from '../../apps/worker/src/lifecycle/create-table-scan';
import type { ExecutionPorts } from '../../apps/worker/src/queries/query-execution';
import { runQuery } from '../../apps/worker/src/queries/run-query';
import { createTableClient, toFixedConnection } from '../../apps/worker/src/table/table-connection';
import type { Scan, Task } from './contestant';

/** Our engine as the worker puts it together, day sets in Redis included, without the job around it. */
export async function prepareEngineScan(task: Task): Promise<Scan> {
  const { ports, readClock, close } = await connectEngine(task);
  const createdAt = await readClock();
  const request = {
    start: task.start as CalendarDay,
    end: task.end as CalendarDay,
    maxAgeSeconds: task.engine.maxAgeSeconds,
  };
  return {
    async run() {
      const heads = await ports.daySets.readHeads(listDays(request.start, request.end));
      const { result } = await runQuery(
        { request, createdAt, earlier: {}, heads },
        { ...ports, onStart: () => {}, onDay: () => {}, onCheckpoint: () => {} },
        new AbortController().signal,
      );
      return { count: result.count, entitiesRead: result.entitiesRead };
    },
    close,
  };
}

export async function connectEngine({ connectionString, tableName, engine }: Task): Promise<{
  ports: ExecutionPorts;
  readClock: () => Promise<number>;
  close: () => void;
}> {
  const config = parseConfig(WorkerConfig, {
    TABLE_CONNECTION_STRING: connectionString,
    TABLE_NAME: tableName,
    SCAN_CONCURRENCY: String(engine.concurrency),
  });
  const redis = connectForWork(engine.redisUrl);
  await redis.ping();
  const client = createTableClient({ connectionString, tableName, allowInsecureConnection: true });
  const table = { connection: toFixedConnection(client), hashKey: config.identifierHashKey };
  const { ports } = await createTableScan(
    config,
    redis,
    new RecordKeys(engine.keyPrefix),
    table,
    new Metrics('worker'),
  );
  return { ports, readClock: () => readRedisClock(redis, engine.keyPrefix), close: () => redis.disconnect() };
}
