import { setTimeout as delay } from 'node:timers/promises';
import { pollQuery } from './poll-query';
import { isOver, type Query } from './query';
import type { Service } from './service';
import { StreamSilentError, streamQuery } from './stream-query';

/** Streams that end without an event before polls take their place. */
const FRUITLESS_STREAMS = 3;

const RECONNECT_MS = 500;

/**
 * The status document at each change, until the query is over. Streams are preferred, and resumed where they were cut;
 * where streams do not come through, it goes on with polls.
 *
 * @throws CommandFailedError when the service stays away, or the query is gone; the signal's reason.
 */
export async function* followQuery(
  service: Service,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Query, void, undefined> {
  let known: string | undefined;
  for (let fruitless = 0; fruitless < FRUITLESS_STREAMS;) {
    fruitless += 1;
    try {
      for await (const { query, revision } of streamQuery(service, id, known, signal)) {
        fruitless = 0;
        known = revision;
        yield query;
        if (isOver(query)) return;
      }
    } catch (error) {
      if (!(error instanceof StreamSilentError)) throw error;
      // Held back from the beginning, it will be so the next time.
      if (known === undefined) break;
    }
    await delay(RECONNECT_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  yield* pollQuery(service, id, known, signal);
}
