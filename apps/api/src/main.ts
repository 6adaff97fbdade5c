import '#shared/process/check-node';
import 'reflect-metadata';
import { ApiConfig } from '#shared/config/api-config';
import { readEnvironment } from '#shared/config/environment';
import { LOOPBACK } from '#shared/config/loopback';
import { parseConfig } from '#shared/config/parse-config';
import { createLogger } from '#shared/process/create-logger';
import { logRedisOutages, logRedisRefusals } from '#shared/redis/redis-outages';
import { runUntilSignal } from '#shared/process/run-until-signal';
import { connectForMessages, connectForRequests } from '#shared/redis/connections';
import { watchRedisFitness } from '#shared/redis/redis-fitness';
import { Metrics } from '#shared/process/metrics';
import { startTracing } from '#shared/process/tracing';
import { observeRedis } from '#shared/redis/observe-redis';
import { createOperatorApp } from './operator/operator.app';
import { createPublicApp } from './public/public.app';

void runUntilSignal(async () => {
  const config = parseConfig(ApiConfig, readEnvironment());
  const tracing = await startTracing(config, 'audit-query-api');
  const logger = createLogger(config, 'audit-query-api', { readContext: tracing?.readContext });
  const redis = connectForRequests(config.redisUrl, config.redisTlsCaFile);
  logRedisOutages(redis);
  const subscriber = connectForMessages(config.redisUrl, redis, config.redisTlsCaFile);
  logRedisOutages(subscriber);
  logRedisRefusals(redis, subscriber);
  watchRedisFitness(redis, config.keyPrefix, subscriber);
  const metrics = new Metrics('api');
  observeRedis(metrics, redis, config.keyPrefix);
  const publicApp = await createPublicApp({ config, redis, subscriber, logger, metrics });
  const operatorApp = await createOperatorApp({ config, redis, logger, metrics });
  await publicApp.listen(config.port, config.host);
  await operatorApp.listen(config.operatorPort, config.operatorHost);
  if (config.publicBaseUrl === undefined && !LOOPBACK.has(config.host)) {
    logger.warn('PUBLIC_BASE_URL is not set: Location is relative, which clients without a base address cannot follow');
  }
  logger.log(`Public listener at ${await publicApp.getUrl()}`);
  logger.log(`Operator listener at ${await operatorApp.getUrl()}`);
  return {
    graceSeconds: config.shutdownGraceSeconds,
    close: async () => {
      await Promise.all([publicApp.close(), operatorApp.close()]);
      await tracing?.stop();
    },
  };
});
