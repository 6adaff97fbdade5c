import type { LoggerService } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig } from '#shared/config/parse-config';
import { connectForRequests } from '#shared/redis/connections';
import type { Metrics } from '#shared/process/metrics';
import { createOperatorApp } from '../../apps/api/src/operator/operator.app';
import type { ReceiveTimes } from '../../apps/api/src/http/create-fastify';
import { waitUntil } from './wait-until';

/** The operators' listener in this process, at a free port. */
export interface OperatorListener {
  url: string;
  app: NestFastifyApplication;
  stop(): Promise<void>;
}

/** @param metrics Of `/metrics`; absent: the path does not exist. */
export async function startOperatorListener(
  redisUrl: string,
  env: Record<string, string>,
  metrics?: Metrics,
  more: { receiveTimes?: ReceiveTimes; logger?: LoggerService } = {},
): Promise<OperatorListener> {
  const redis = connectForRequests(redisUrl);
  redis.on('error', () => {});
  const config = parseConfig(ApiConfig, env);
  const logger = { log() {}, error() {}, warn() {} };
  const app = await createOperatorApp({ config, redis, logger, ...(metrics && { metrics }), ...more }).catch(
    (error: unknown) => {
      redis.disconnect();
      throw error;
    },
  );
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
    },
  };
}
