import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig } from '#shared/config/parse-config';
import { createOperatorDocument } from './openapi/operator-document';
import { createOperatorApp } from './operator/operator.app';
import { createPublicDocument } from './openapi/public-document';
import { createPublicApp } from './public/public.app';

/** A connection that is never made: the document comes from the code alone. */
function createUnconnected(): Redis {
  const redis = new Redis({ lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null });
  redis.on('error', () => {});
  return redis;
}

/** Writes the document of each listener into the working directory. */
async function writeOpenApi(): Promise<void> {
  const [redis, subscriber] = [createUnconnected(), createUnconnected()];
  const options = { config: parseConfig(ApiConfig, {}), redis, logger: { log() {}, warn() {}, error() {} } };
  const publicApp = await createPublicApp({ ...options, subscriber });
  const operatorApp = await createOperatorApp(options);
  write('openapi.json', createPublicDocument(publicApp));
  write('openapi.operator.json', createOperatorDocument(operatorApp));
  await Promise.all([publicApp.close(), operatorApp.close()]);
  redis.disconnect();
}

function write(file: string, document: object): void {
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
}

void writeOpenApi();
