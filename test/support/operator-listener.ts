import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig } from '#shared/config/parse-config';
import { connectForRequests } from '#shared/redis/connections';
import { createOperatorApp } from '../../apps/api/src/operator/operator.app';
import { waitUntil } from './wait-until';

/** The operators' listener in this process, at a port that the system chose. */
export interface OperatorListener {
  url: string;
  app: NestFastifyApplication;
  stop(): Promise<void>;
}

export async function startOperatorListener(redisUrl: string, env: Record<string, string>): Promise<OperatorListener> {
  const redis = connectForRequests(redisUrl);
  redis.on('error', () => {});
  const config = parseConfig(ApiConfig, env);
  const app = await createOperatorApp({ config, redis, logger: { log() {}, error() {}, warn() {} } });
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
