import { setTimeout as delay } from 'node:timers/promises';
import { ProcessEndedError, type ServiceProcess } from './service-process';

const READY_LIMIT_MS = 60_000;
const STEP_MS = 100;

/**
 * Waits until `url` answers 200.
 *
 * @throws ProcessEndedError when the process behind it ends or takes longer than 60 s; the signal's reason.
 */
export async function waitUntilReady(url: string, service: ServiceProcess, signal?: AbortSignal): Promise<void> {
  const giveUpAt = performance.now() + READY_LIMIT_MS;
  let lastSeen = 'no answer';
  for (;;) {
    signal?.throwIfAborted();
    const status = await readStatus(url);
    if (status === 200) return;
    lastSeen = status === undefined ? lastSeen : `status ${status}`;
    if (performance.now() > giveUpAt) {
      const how = `it was not ready within ${READY_LIMIT_MS / 1_000} s (${lastSeen})`;
      throw new ProcessEndedError(service.name, how, service.lastLines);
    }
    await Promise.race([delay(STEP_MS), service.failWhenEnded()]);
  }
}

async function readStatus(url: string): Promise<number | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    await answer.body?.cancel();
    return answer.status;
  } catch {
    // Not listening yet.
    return undefined;
  }
}
