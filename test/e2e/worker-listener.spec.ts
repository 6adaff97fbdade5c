import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { sendRaw } from '../support/send-raw';
import { type ServiceProcess, startWorker } from '../support/service-processes';

let worker: ServiceProcess | undefined;

afterEach(async () => {
  await worker?.end();
  worker = undefined;
});

/** Starts a worker, which listens without a table. */
async function start(env: Record<string, string>): Promise<string> {
  worker = await startWorker({
    REDIS_URL: inject('redisUrl'),
    KEY_PREFIX: `{t-${randomUUID()}}`,
    TABLE_CONNECTION_STRING: 'UseDevelopmentStorage=true',
    ...env,
  });
  return worker.url.replace(/localhost|\[::1?\]|0\.0\.0\.0/, '127.0.0.1');
}

const PATHS = ['/health/live', '/health/ready', '/metrics', '/nothing'];
const FOREIGN = ['rebound.example', 'rebound.example:3002', 'localhost.rebound.example', '10.0.0.1:3002'];

describe('the listener of a worker', () => {
  it.each([{}, { HEALTH_HOST: 'localhost' }, { HEALTH_HOST: '127.0.0.2' }])(
    'refuses other hosts than this machine while it is bound to loopback: %j',
    async (env) => {
      const url = await start(env);
      for (const host of FOREIGN) {
        for (const path of PATHS) {
          const { status, body } = await sendRaw(url, path, { headers: { host } });
          expect([host, path, status, body]).toEqual([host, path, 403, expect.stringContaining('HOST_NOT_ALLOWED')]);
        }
      }
      for (const host of ['localhost', '127.0.0.1:3002', '[::1]:3002']) {
        expect((await sendRaw(url, '/health/live', { headers: { host } })).status).toBe(200);
        expect((await sendRaw(url, '/metrics', { headers: { host } })).status).toBe(200);
      }
    },
  );

  it('accepts any host when it is bound beyond loopback', async () => {
    const url = await start({ HEALTH_HOST: '0.0.0.0' });
    for (const host of [...FOREIGN, 'localhost']) {
      expect((await sendRaw(url, '/health/live', { headers: { host } })).status).toBe(200);
      expect((await sendRaw(url, '/metrics', { headers: { host } })).status).toBe(200);
    }
  });
});
