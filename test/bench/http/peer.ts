import { join } from 'node:path';
import { ServiceProcess } from '../../../apps/local/src/service-process';

const START_LIMIT_MS = 20_000;

/**
 * `express`: Nest on Express with BullMQ; `pg-boss`: Nest on Fastify with pg-boss, so that the queue is what differs;
 * `node`: Node's own listener with BullMQ.
 */
export type PeerName = 'express' | 'pg-boss' | 'node';

export interface Peer {
  url: string;
  stop(): Promise<void>;
}

/** Starts a peer in a process of its own. @param args Its URL of Redis or PostgreSQL, and its key prefix. */
export function startPeer(name: PeerName, ...args: string[]): Promise<Peer> {
  return startScript(name, 'peer-process.js', [name, ...args], /Listening at (http:\S+)/);
}

/** Starts a BullMQ worker that does nothing but end its jobs. */
export function startBareWorker(...args: [redisUrl: string, prefix: string]): Promise<Peer> {
  return startScript('bare worker', 'bare-worker-process.js', args, /Ready/);
}

async function startScript(name: string, script: string, args: string[], ready: RegExp): Promise<Peer> {
  const child = new ServiceProcess({
    name: `The ${name}`,
    command: process.execPath,
    args: [join(__dirname, script), ...args],
  });
  try {
    const [, url = ''] = await child.waitForOutput(ready, START_LIMIT_MS);
    return { url, stop: () => child.stop() };
  } catch (error) {
    await child.stop();
    throw error;
  }
}
