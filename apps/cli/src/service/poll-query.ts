import { setTimeout as delay } from 'node:timers/promises';
import { CommandFailedError } from '../command-failed-error';
import { ExitCode } from '../exit-code';
import { isOver, type Query } from './query';
import type { Service } from './service';

/** Below what proxies commonly allow an answer to take. */
const LONG_POLL_SECONDS = 10;

/**
 * Asks for the status document until the query is over: long polls, and plain polls where something in between does not
 * let an answer be held back. Waits as `Retry-After` says between them.
 *
 * @param revision The last that was seen; it is not given again.
 */
export async function* pollQuery(
  service: Service,
  id: string,
  revision: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Query, void, undefined> {
  let known = revision;
  for (let waitSeconds = LONG_POLL_SECONDS; ;) {
    const look = await service.look(id, { waitSeconds, revision: known, signal }).catch((error: unknown) => {
      const isUnavailable = error instanceof CommandFailedError && error.exitCode === ExitCode.ServiceUnavailable;
      if (!isUnavailable || waitSeconds === 0) throw error;
      return undefined;
    });
    if (look === undefined) {
      waitSeconds = 0;
      continue;
    }
    known = look.revision;
    if (look.query !== undefined) {
      yield look.query;
      if (isOver(look.query)) return;
    }
    await delay(look.retryAfterMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
