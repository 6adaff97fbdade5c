import { abortWith } from '../abort-with';
import { parseEvents } from './parse-events';
import { stripControls } from '#shared/contract/control-characters';
import { parseQuery, type Query } from './query';
import { type Service, toRevision } from './service';

/** The service tells the present state at once: later than this, something in between holds the stream back. */
const FIRST_BYTE_LIMIT_MS = 5_000;

/** The service sends a comment every 15 s: after two that are missing the line is dead, whatever the socket says. */
const SILENCE_LIMIT_MS = 40_000;

/** One event. */
export interface QueryEvent {
  query: Query;
  revision: string | undefined;
}

/** Nothing came in time. */
export class StreamSilentError extends Error {}

/**
 * The events of one stream until it ends, whether the query has ended or the line was cut.
 *
 * @throws StreamSilentError; otherwise as Service does.
 */
export async function* streamQuery(
  service: Service,
  id: string,
  revision: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<QueryEvent, void, undefined> {
  const stop = new AbortController();
  const release = abortWith(stop, signal);
  const giveUp = () => stop.abort(new StreamSilentError());
  // One that goes on may have no news for long, and says so by comments.
  let timer = setTimeout(giveUp, revision === undefined ? FIRST_BYTE_LIMIT_MS : SILENCE_LIMIT_MS);
  async function* listen(body: AsyncIterable<Uint8Array>) {
    for await (const chunk of body) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, SILENCE_LIMIT_MS);
      yield chunk;
    }
  }
  try {
    const body = await service.openEvents(id, revision, stop.signal);
    if (body === undefined) return;
    for await (const { data, id: latest } of parseEvents(listen(body))) {
      yield { query: parseQuery(parseJson(data)), revision: toRevision(latest) };
    }
  } catch (error) {
    stop.signal.throwIfAborted();
    // A cut: what fetch says of a body that ends in the middle.
    if (!(error instanceof TypeError)) throw error;
  } finally {
    clearTimeout(timer);
    release();
    stop.abort();
  }
}

/** @returns Undefined where it is none, which is no status document either. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(stripControls(text));
  } catch {
    return undefined;
  }
}
