import { once } from 'node:events';
import type { Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A closed connection occupies its port for a minute. */
const LIMIT_MS = 90_000;

const RETRY_AFTER_MS = 50;

/**
 * Listens at a port that the caller has just released. The system may have assigned the port to an outgoing connection:
 * then it retries.
 *
 * @param isWanted Called before each attempt; false ends the attempts.
 * @throws The last error of `listen`, after the limit or if the port is not in use.
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
    await delay(RETRY_AFTER_MS);
  }
}
