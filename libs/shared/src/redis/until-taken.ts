import { setTimeout as delay } from 'node:timers/promises';
import { isReplyError } from './redis-script';

/** What Redis says when it takes no writes for a time: full, its disk full or broken, demoted, without its replicas. */
const PASSING_REFUSALS = [
  'OOM',
  'MISCONF',
  'READONLY',
  'NOREPLICAS',
  'LOADING',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
];

/** Whether Redis will take the same write later. */
export function isPassingRefusal(error: unknown): boolean {
  return PASSING_REFUSALS.some((code) => isReplyError(error, code));
}

/** Within this of the refusal's end the write is done. */
const AGAIN_AFTER_MS = 500;

/**
 * Tries a write again for as long as Redis refuses it for a reason that passes. That says nothing of the query whose
 * write it is, and must not cost it one of its attempts. An absent Redis is waited for by the connection itself,
 * which sends again what has had no reply; for more than one command at once see `untilAnswered`.
 *
 * @throws What `write` throws for another reason; the signal's reason.
 */
export async function untilTaken<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isPassingRefusal(error)) throw error;
      await delay(AGAIN_AFTER_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
