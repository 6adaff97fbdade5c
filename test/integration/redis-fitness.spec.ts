import { type AddressInfo, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isLossy, readAppendOnlyFile, readRedisDurability } from '#shared/redis/redis-fitness';
import { checkRedisRequirements } from '#shared/redis/redis-requirements';
import { hasRedisServer } from '../support/redis-servers/has-redis-server';
import { RedisProcess } from '../support/redis-servers/redis-process';

const KEY_PREFIX = '{audit-query}';
const open: { disconnect: () => void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.disconnect();
});

function connect(port: number, options: { username?: string; password?: string } = {}): Redis {
  // A user without INFO could not be asked whether it is ready.
  const redis = new Redis({ port, host: '127.0.0.1', enableReadyCheck: false, ...options });
  redis.on('error', () => {});
  open.push(redis);
  return redis;
}

/** A server that says this of itself, and fits by its commands. */
async function startSpeaker(text: string): Promise<Redis> {
  const info = `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  const answers: Record<string, string> = {
    eval: '*0\r\n',
    exec: `*3\r\n*-1\r\n-NOSCRIPT none\r\n${info}`,
    exists: ':0\r\n',
    config: '-ERR unknown command\r\n',
  };
  const server = createServer((socket) => {
    let isQueueing = false;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const [, name = ''] of chunk.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        const command = name.toLowerCase();
        isQueueing = command === 'multi' || (isQueueing && command !== 'exec');
        socket.write(isQueueing ? '+QUEUED\r\n' : command === 'info' ? info : (answers[command] ?? '+OK\r\n'));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ disconnect: () => server.close() });
  return connect((server.address() as AddressInfo).port);
}

describe.runIf(hasRedisServer())('what Redis lacks', () => {
  let server: RedisProcess;
  beforeAll(async () => (server = await RedisProcess.create({})));
  afterAll(() => server.stop());

  const check = (redis: Redis) => checkRedisRequirements(redis, KEY_PREFIX);

  it('is nothing, and the check leaves no key and no trace in the append-only file', async () => {
    const redis = connect(server.port);
    await server.waitUntilWritten();
    const before = await server.logSize();
    expect(await check(redis)).toBeUndefined();
    await server.waitUntilWritten();
    expect([await redis.keys('*'), await server.logSize()]).toEqual([[], before]);
  });

  it.each([
    ['-lpos', /^LPOS \(/],
    ['-xadd', /^XADD \(/],
    ['-set', /^SET \(/],
    ['-eval', /^EVAL \(NOPERM/],
    ['-evalsha', /^EVALSHA \(NOPERM/],
    ['-bzpopmin', /^BZPOPMIN \(NOPERM/],
    ['-multi', /^MULTI \(NOPERM/],
    ['-exec', /^EXEC \(NOPERM/],
    ['-info', /^INFO \(NOPERM/],
    ['-time', /^TIME \(/],
    ['resetchannels', /^PUBLISH \(/],
    ['resetkeys', /^EVAL, BZPOPMIN \(NOPERM/],
  ])('is named when the user has no right to it: %s', async (less, missing) => {
    const user = `user${less}`;
    await server.client.call('ACL', 'SETUSER', user, 'on', '>x', '~*', '&*', '+@all', less);
    expect(await check(connect(server.port, { username: user, password: 'x' }))).toMatch(missing);
  });

  it.each([
    ['memory', 'maxmemory', '1', '0'],
    ['replicas', 'min-replicas-to-write', '1', '0'],
  ])('is not what passes: no %s', async (_name, setting, value, normal) => {
    await server.client.config('SET', setting, value);
    try {
      expect(await check(connect(server.port))).toBeUndefined();
    } finally {
      await server.client.config('SET', setting, normal);
    }
  });

  it.each([
    ['6.2.14', /^Redis 7\.0 or later \(ERR the server is 6\.2\.14\)$/],
    ['7.0.0', undefined],
    ['8.2.1', undefined],
    ['10.0.0', undefined],
    ['unknown', undefined],
  ])('is a version of 7.0 or later, where it is %s', async (version, missing) => {
    const found = await check(await startSpeaker(`# Server\r\nredis_version:${version}\r\n`));
    expect(found ?? '').toMatch(missing ?? /^$/);
  });
});

describe.runIf(hasRedisServer())('what accepted queries survive', () => {
  it.each([
    ['yes', 'always', 'disk', true, false],
    ['yes', 'everysec', 'second', true, false],
    ['yes', 'no', 'system', true, false],
    ['no', 'everysec', 'none', null, true],
  ])('with appendonly %s and appendfsync %s', async (appendonly, fsync, level, lastWriteOk, lossy) => {
    const server = await RedisProcess.create({ args: ['--appendonly', appendonly, '--appendfsync', fsync] });
    try {
      expect(await readRedisDurability(server.client, KEY_PREFIX)).toEqual({ level, lastWriteOk });
      expect(isLossy(await readAppendOnlyFile(server.client, KEY_PREFIX))).toBe(lossy);
    } finally {
      await server.stop();
    }
  });

  it.each([
    ['aof_enabled:1\r\naof_last_write_status:ok\r\n', { level: 'file', lastWriteOk: true }, false],
    ['aof_enabled:1\r\naof_last_write_status:err\r\n', { level: 'file', lastWriteOk: false }, true],
    ['aof_enabled:0\r\naof_last_write_status:ok\r\n', { level: 'none', lastWriteOk: null }, true],
    ['', { level: 'unknown', lastWriteOk: null }, undefined],
  ])('by what Redis reports where CONFIG is denied: %j', async (text, durability, lossy) => {
    const redis = await startSpeaker(`# Persistence\r\n${text}`);
    expect(await readRedisDurability(redis, KEY_PREFIX)).toEqual(durability);
    expect(isLossy(await readAppendOnlyFile(redis, KEY_PREFIX))).toBe(lossy);
  });
});
