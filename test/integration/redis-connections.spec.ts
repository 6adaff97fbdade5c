import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig } from '#shared/config/parse-config';
import { connectForMessages, connectForRequests } from '#shared/redis/connections';
import type { RedisClient } from '#shared/redis/redis-client';
import type * as LateNames from '../support/late-names.cjs';
import { hasRedisServer } from '../support/redis-servers/has-redis-server';
import { RedisProcess } from '../support/redis-servers/redis-process';
import { waitUntil } from '../support/wait-until';

const { delayNames } = createRequire(__filename)('../support/late-names.cjs') as typeof LateNames;
const { certFile, keyFile } = inject('testAuthority');

describe.runIf(hasRedisServer())('a connection to Redis over TLS', () => {
  let server: RedisProcess;
  const open: RedisClient[] = [];

  beforeAll(async () => {
    // The certificate is for the first of these.
    const args = ['--bind', '127.0.0.1', '127.0.0.2'];
    server = await RedisProcess.create({ tls: { certFile, keyFile }, args });
  });
  afterAll(async () => {
    for (const redis of open) redis.disconnect();
    await server.stop();
  });

  /** `ready`, or the code of the first error. */
  async function connect(url: string): Promise<string> {
    const redis = connectForRequests(url, certFile);
    open.push(redis);
    let code: string | undefined;
    const note = (error: NodeJS.ErrnoException) => (code ??= error.code);
    // A cluster tells of each server beside what comes of it for the whole.
    redis.on('error', note).on('node error', note);
    return waitUntil(
      'the connection, or an error',
      () => code ?? redis.status,
      (state) => state === code || state === 'ready',
    );
  }

  it('is made to the name that the certificate is for', async () => {
    expect(await connect(`rediss://127.0.0.1:${server.port}`)).toBe('ready');
  });

  it.each(['rediss://', 'rediss+cluster://'])('is not made to another name: %s', async (scheme) => {
    expect(await connect(`${scheme}127.0.0.2:${server.port}`)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('may fail a second time, as TLS does where a connection is closed before its server is known', async () => {
    const redis = connectForRequests(`rediss://127.0.0.2:${server.port}`, certFile) as Redis;
    open.push(redis);
    await once(redis, 'error');
    expect(() => redis.stream.emit('error', new Error('late'))).not.toThrow();
  });
});

describe('a connection to Redis', () => {
  it('may fail before there is a line, as it does while no sentinel answers', async () => {
    const redis = connectForRequests('redis+sentinel://127.0.0.1:1/primary');
    for (let time = 1; time <= 3; time += 1) await once(redis, 'error');
    redis.disconnect();
  });

  it('of a subscriber to a cluster may fail at once, as it does where there is no route', async () => {
    onTestFinished(delayNames({ 'late-redis': Array<string>(100).fill('EAI_AGAIN') }));
    const url = 'redis+cluster://late-redis:1';
    const requests = connectForRequests(url).on('error', () => {});
    const redis = connectForMessages(url, requests);
    for (let time = 1; time <= 3; time += 1) {
      expect(await once(redis, 'error')).toEqual([expect.objectContaining({ code: 'EAI_AGAIN' })]);
    }
    redis.disconnect();
    requests.disconnect();
  });
});

describe('REDIS_TLS_CA_FILE', () => {
  it.each([
    [{ REDIS_TLS_CA_FILE: certFile }, 'must not be given unless REDIS_URL begins with rediss'],
    [
      { REDIS_TLS_CA_FILE: '/canary', REDIS_URL: 'rediss://a' },
      'must be a file that can be read and has a certificate',
    ],
    [{ REDIS_TLS_CA_FILE: keyFile, REDIS_URL: 'rediss://a' }, 'must be a file that can be read and has a certificate'],
  ])('is refused where it cannot be what was meant: %j', (env, sentence) => {
    let message = 'it was taken';
    try {
      parseConfig(ApiConfig, env);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain(`REDIS_TLS_CA_FILE ${sentence}`);
    expect(message).not.toContain('canary');
  });

  it.each(['rediss://a', 'rediss+sentinel://a/b', 'rediss+cluster://a'])('is taken with %s', (url) => {
    expect(parseConfig(ApiConfig, { REDIS_TLS_CA_FILE: certFile, REDIS_URL: url }).redisTlsCaFile).toBe(certFile);
  });
});
