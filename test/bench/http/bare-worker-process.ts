import 'reflect-metadata';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { QUERY_QUEUE } from '#shared/contract/query-job';

/** `node bare-worker-process.js <Redis URL> <prefix>` */
async function main(redisUrl: string, prefix: string): Promise<void> {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const worker = new Worker(QUERY_QUEUE, async () => 0, { connection, prefix });
  await worker.waitUntilReady();
  console.log('Ready');
}

process.once('SIGTERM', () => process.exit(0));
void main(process.argv[2] ?? '', process.argv[3] ?? '');
