import { retry } from '../process/retry';
import { readReplyCode } from './redis-client';

/**
 * The codes of refusals that pass: Redis is full, its disk is full or broken, it is demoted or lacks replicas; or somebody
 * changed the user's rights or password, and may change them back.
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

/** Replies of a server that lacks or renamed a command; the second when a script calls it. Both have the code ERR. */
const UNKNOWN_COMMAND = /^ERR (unknown command|Unknown Redis command called from script)/;

/** Whether Redis may accept the same command later. */
export function isPassingRefusal(error: unknown): boolean {
  const code = readReplyCode(error);
  if (code === 'ERR') return UNKNOWN_COMMAND.test((error as Error).message);
  return code !== undefined && PASSING_REFUSALS.includes(code);
}

/** The delay between attempts. */
const AGAIN_AFTER_MS = 500;

/**
 * Retries a command while Redis refuses it for a reason that passes: such a refusal must not cost a query one of its
 * attempts. While Redis is unreachable the connection itself waits, and resends a command without a reply; for several
 * commands at once see `untilAnswered`.
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
 * Retries when the connection broke in the middle of the replies: ioredis resends a command without a reply, but rejects a
 * pipeline of which it has some replies.
 *
 * @param ask Must be idempotent, and wait while Redis is unreachable, as a connection for work does.
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

/** ioredis does not export the class. Of its errors with this name, only this one has the command. */
function isCutOff(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError' && 'command' in error;
}
