import { once } from 'node:events';
import type { Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A connection keeps its port for a minute after its end. */
const LIMIT_MS = 90_000;

const AGAIN_AFTER_MS = 50;

/**
 * Listens at a port that was the caller's a moment ago. The system gives such a port to whoever connects to somewhere
 * meanwhile: then it is tried again.
 *
 * @param isWanted Asked before each attempt: false ends it all.
 * @throws what kept it from listening to the end.
 */
export async function untilListening(
  server: Server,
  port: number,
  isWanted: () => boolean = () => true,
): Promise<void> {
  const giveUpAt = performance.now() + LIMIT_MS;
  while (isWanted()) {
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || performance.now() > giveUpAt) throw error;
    }
    await delay(AGAIN_AFTER_MS);
  }
}
