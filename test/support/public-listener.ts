import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Redis } from 'ioredis';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig } from '#shared/config/parse-config';
import { connectForMessages, connectForRequests } from '#shared/redis/connections';
import type { FailureCode } from '#shared/contract/error-codes';
import { Outcomes, toEndedFacts } from '#shared/redis/outcomes';
import { QueryRuns } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { createPublicApp, type PublicListenerOptions } from '../../apps/api/src/public/public.app';
import { NO_LIMITS } from './service-processes';
import { waitUntil } from './wait-until';

/** The callers' listener in this process, at a free port. */
export interface PublicListener {
  url: string;
  app: NestFastifyApplication;
  stop(): Promise<void>;
}

export async function startPublicListener(
  redisUrl: string,
  env: Record<string, string>,
  more: Partial<Pick<PublicListenerOptions, 'eventTimes' | 'receiveTimes' | 'logger' | 'metrics'>> = {},
): Promise<PublicListener> {
  const config = parseConfig(ApiConfig, { ...NO_LIMITS, ...env });
  const redis = connectForRequests(redisUrl);
  const subscriber = connectForMessages(redisUrl, redis);
  for (const connection of [redis, subscriber]) connection.on('error', () => {});
  const app = await createPublicApp({
    config,
    redis,
    subscriber,
    logger: { log() {}, error() {}, warn() {} },
    ...more,
  });
  await app.listen(0, '127.0.0.1');
  await waitUntil(
    'Redis to be connected',
    () => redis.status,
    (status) => status === 'ready',
  );
  return {
    url: (await app.getUrl()).replace('[::1]', '127.0.0.1'),
    app,
    async stop() {
      await app.close();
      redis.disconnect();
      subscriber.disconnect();
    },
  };
}

/** Changes the records of a query as a worker does, step by step. */
export class ScriptedWorker {
  readonly redis: Redis;
  private readonly keys: RecordKeys;
  private readonly outcomes: Outcomes;
  private readonly runs: QueryRuns;
  private readonly states: QueryStates;

  constructor(redisUrl: string, keyPrefix: string) {
    this.redis = new Redis(redisUrl);
    this.keys = new RecordKeys(keyPrefix);
    this.outcomes = new Outcomes(this.redis, this.keys, 60);
    this.runs = new QueryRuns(this.redis, this.keys, 30_000);
    this.states = new QueryStates(this.redis, this.keys, this.outcomes);
  }

  async begin(id: string): Promise<void> {
    await this.redis.set(this.keys.jobLock(id), 'me');
    await this.runs.begin(id, 'me');
  }

  async report(id: string, percent: number): Promise<void> {
    const state = await this.states.decide(id);
    const progress = { ...state?.progress, percent, startedAt: state?.startedAt ?? 1 };
    await this.runs.report(id, 'me', progress, { isProven: false, ranMs: 0 });
  }

  async end(id: string, count = 3): Promise<void> {
    const state = await this.states.decide(id);
    if (state === undefined) throw new Error(`there is no query ${id}`);
    const { caller, request, createdAt, startedAt, progress } = state;
    await this.outcomes.publish(id, {
      ...{ status: 'Completed', caller, request, createdAt, startedAt, error: null },
      progress: { ...progress, percent: 100, etaSeconds: 0, atLeast: count },
      result: {
        ...{ count, entitiesRead: count, entitiesWithoutIdentifier: 0, daysScanned: 1, daysReused: 0 },
        oldestScanAt: new Date(createdAt).toISOString(),
      },
    });
  }

  /** Publishes a failure. */
  async fail(id: string, code: FailureCode): Promise<void> {
    const state = await this.states.decide(id);
    if (state === undefined) throw new Error(`there is no query ${id}`);
    await this.outcomes.publish(id, toEndedFacts(state, 'Failed', code));
  }

  /** Releases the lock of a query. */
  async release(id: string): Promise<void> {
    await this.redis.del(this.keys.jobLock(id));
  }

  stop(): void {
    this.redis.disconnect();
  }
}
