import { retry } from '../lifecycle/retry';
import { readReplyCode } from './redis-client';

/**
 * The codes with which Redis refuses for a time: full, its disk full or broken, demoted, without its replicas; or a user
 * whose rights or password were changed, until they are changed back.
 */
const PASSING_REFUSALS = [
  'OOM',
  'MISCONF',
  'READONLY',
  'NOREPLICAS',
  'LOADING',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'NOPERM',
  'NOAUTH',
  'WRONGPASS',
];

/** Of a server that lacks a command, or had it renamed; the second where a script calls it. Both have the code ERR. */
const UNKNOWN_COMMAND = /^ERR (unknown command|Unknown Redis command called from script)/;

/** Whether Redis will take the same write later. */
export function isPassingRefusal(error: unknown): boolean {
  const code = readReplyCode(error);
  if (code === 'ERR') return UNKNOWN_COMMAND.test((error as Error).message);
  return code !== undefined && PASSING_REFUSALS.includes(code);
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
export function untilTaken<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const toDelayMs = (error: unknown) => {
    if (!isPassingRefusal(error)) throw error;
    return AGAIN_AFTER_MS;
  };
  return retry(write, toDelayMs, signal);
}

/**
 * Asks again where the line broke in the middle of the replies. ioredis sends again what has had no reply, but of a
 * pipeline that was answered in part it gives up the rest.
 *
 * @param ask Does no harm when it is done twice. It waits for a Redis that is away, as a connection for work does.
 * @throws What `ask` throws for another reason.
 */
export async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isCutOff(error)) throw error;
    }
  }
}

/** Of the errors with this name ioredis names the command in this one alone; its class is not to be had from it. */
function isCutOff(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError' && 'command' in error;
}
