import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { stripControls } from '#shared/contract/control-characters';
import { abortWith, pause } from '../abort';
import { CommandFailedError, ExitCode } from '../command-failed-error';
import { isEnded, parseQuery, type Query } from './query';
import { type ServiceClient, toRevision } from './service-client';

/** One event of a stream. */
interface ServerSentEvent {
  data: string;
  /** The latest id of the stream, also where the event itself has none; undefined before the first. */
  id: string | undefined;
}

/** Reads Server-Sent Events (WHATWG HTML, 9.2.6) as they arrive. An event that the end of the stream cuts off is dropped. */
export async function* parseEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const decoder = new TextDecoder();
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => void events.push(event) });
  let latestId: string | undefined;
  for await (const chunk of chunks) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    for (const { data, id } of events.splice(0)) {
      latestId = id ?? latestId;
      yield { data, id: latestId };
    }
  }
}

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
 * @throws StreamSilentError; otherwise as ServiceClient does.
 */
export async function* streamQuery(
  service: ServiceClient,
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

/** Below what proxies commonly allow an answer to take. */
const LONG_POLL_SECONDS = 10;

/**
 * Asks for the status document until the query is over: long polls, and plain polls where something in between does not
 * let an answer be held back. Waits as `Retry-After` says between them.
 *
 * @param revision The last that was seen; it is not given again.
 */
export async function* pollQuery(
  service: ServiceClient,
  id: string,
  revision: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Query, void, undefined> {
  let known = revision;
  for (let waitSeconds = LONG_POLL_SECONDS; ;) {
    const answer = await service.poll(id, { waitSeconds, revision: known, signal }).catch((error: unknown) => {
      const isUnavailable = error instanceof CommandFailedError && error.exitCode === ExitCode.ServiceUnavailable;
      if (!isUnavailable || waitSeconds === 0) throw error;
      return undefined;
    });
    if (answer === undefined) {
      waitSeconds = 0;
      continue;
    }
    known = answer.revision;
    if (answer.query !== undefined) {
      yield answer.query;
      if (isEnded(answer.query)) return;
    }
    await pause(answer.retryAfterMs, signal);
  }
}

/** Streams that end without an event before polls take their place. */
const MAX_EMPTY_STREAMS = 3;

const RECONNECT_MS = 500;

/**
 * The status document at each change, until the query is over. Streams are preferred, and resumed where they were cut;
 * where streams do not come through, it goes on with polls.
 *
 * @throws CommandFailedError when the service stays away, or the query is gone; the signal's reason.
 */
export async function* followQuery(
  service: ServiceClient,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Query, void, undefined> {
  let known: string | undefined;
  for (let emptyStreams = 0; emptyStreams < MAX_EMPTY_STREAMS;) {
    emptyStreams += 1;
    try {
      for await (const { query, revision } of streamQuery(service, id, known, signal)) {
        emptyStreams = 0;
        known = revision;
        yield query;
        if (isEnded(query)) return;
      }
    } catch (error) {
      if (!(error instanceof StreamSilentError)) throw error;
      // Held back from the beginning, it will be so the next time.
      if (known === undefined) break;
    }
    await pause(RECONNECT_MS, signal);
  }
  yield* pollQuery(service, id, known, signal);
}
