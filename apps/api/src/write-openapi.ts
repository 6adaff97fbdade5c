import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig } from '#shared/config/parse-config';
import { createOpenApiDocument } from './public/docs/openapi-document';
import { createPublicApp } from './public/public.app';

/** A connection that is never made: the document comes from the code alone. */
function createUnconnected(): Redis {
  const redis = new Redis({ lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null });
  redis.on('error', () => {});
  return redis;
}

/** Writes `openapi.json` into the working directory. */
async function writeOpenApi(): Promise<void> {
  const [redis, subscriber] = [createUnconnected(), createUnconnected()];
  const logger = { log() {}, warn() {}, error() {} };
  const app = await createPublicApp({ config: parseConfig(ApiConfig, {}), redis, subscriber, logger });
  writeFileSync('openapi.json', `${JSON.stringify(createOpenApiDocument(app), null, 2)}\n`);
  await app.close();
  redis.disconnect();
}

void writeOpenApi();
