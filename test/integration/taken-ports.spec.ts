import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { RedisProcess } from '../support/redis-servers/redis-process';
import { startTcpProxy } from '../support/tcp-proxy';
import { untilListening } from '../support/until-listening';

/** Takes a port away. @returns What gives it back, once somebody has tried in vain to have it. */
async function occupy(port: number): Promise<() => Promise<void>> {
  const other = createServer((socket) => socket.destroy());
  await untilListening(other, port);
  return async () => {
    // Whoever asked before has been refused before.
    const late = createServer();
    late.listen(port, '127.0.0.1');
    await expect(once(late, 'listening')).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await close(other);
  };
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

describe('a port that somebody else has taken meanwhile', () => {
  it('is had again by a proxy that had refused for a while', async () => {
    const target = createServer((socket) => socket.end('through'));
    await untilListening(target, 0);
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: (target.address() as { port: number }).port });
    proxy.setMode('refuse');
    const release = await occupy(proxy.port);
    proxy.setMode('pass');
    await release();
    await expect.poll(() => text(connect(proxy.port, '127.0.0.1')).catch(String), { timeout: 10_000 }).toBe('through');
    await proxy.stop();
    await close(target);
  });

  it('is not asked for any more by a proxy that is stopped', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: 1 });
    proxy.setMode('refuse');
    const release = await occupy(proxy.port);
    proxy.setMode('pass');
    await proxy.stop();
    await release();
    const next = createServer();
    await untilListening(next, proxy.port);
    await close(next);
  });

  it('is had again by a Redis that was killed', async () => {
    const redis = await RedisProcess.create({});
    try {
      await redis.client.set('kept', 'yes');
      await redis.kill();
      const release = await occupy(redis.port);
      const starting = redis.start();
      const args = ['--bind', '127.0.0.1', '--port', String(redis.port)];
      const options = { cwd: redis.folder, stdio: 'ignore', timeout: 5_000 } as const;
      // Others that try for as long as it might have done without patience.
      for (let rival = 0; rival < 6; rival += 1) {
        const child = spawn('redis-server', args, options);
        expect(await once(child, 'exit')).toEqual([1, null]);
      }
      await release();
      await starting;
      expect(await redis.client.get('kept')).toBe('yes');
    } finally {
      await redis.stop();
    }
  });
});
