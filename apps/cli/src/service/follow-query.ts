import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { stripControls } from '#shared/contract/control-characters';
import { abortWith, pause } from '../abort';
import { CommandFailedError, ExitCode } from '../command-failed-error';
import { isEnded, parseQuery, type Query } from './query';
import { type ServiceClient, toRevision } from './service-client';

/** Streams in a row without an event, after which the command polls. */
const MAX_EMPTY_STREAMS = 3;

const RECONNECT_MS = 500;

/** The service sends the current state at once. A stream that is silent for longer is held back by a proxy. */
const FIRST_BYTE_TIMEOUT_MS = 5_000;

/** The service sends a comment every 15 s. Without two of them the connection is dead, even if the socket is open. */
const SILENCE_TIMEOUT_MS = 40_000;

/** Shorter than the usual timeout of a proxy. */
const LONG_POLL_SECONDS = 10;

/**
 * Yields the status document at each change until the query ends. Listens to the event stream and resumes it after a lost
 * connection; polls if a proxy holds streams back.
 *
 * @throws CommandFailedError if the service stays unavailable or the query is gone; the signal's reason.
 */
export async function* followQuery(
  service: ServiceClient,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Query, void, undefined> {
  let latestRevision: string | undefined;
  for (let emptyStreams = 0; emptyStreams < MAX_EMPTY_STREAMS;) {
    emptyStreams += 1;
    try {
      for await (const { query, revision } of streamQuery(service, id, latestRevision, signal)) {
        emptyStreams = 0;
        latestRevision = revision;
        yield query;
        if (isEnded(query)) return;
      }
    } catch (error) {
      if (!(error instanceof StreamSilentError)) throw error;
      // A proxy that holds back the first stream holds back the next one too.
      if (latestRevision === undefined) break;
    }
    await pause(RECONNECT_MS, signal);
  }
  yield* pollQuery(service, id, latestRevision, signal);
}

/**
 * Yields the status document at each change until the query ends. Uses long polls, and plain polls if a proxy does not
 * allow long ones. Waits for `Retry-After` between polls.
 *
 * @param revision The latest known revision; the service does not send it again.
 */
async function* pollQuery(
  service: ServiceClient,
  id: string,
  revision: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Query, void, undefined> {
  let latestRevision = revision;
  for (let waitSeconds = LONG_POLL_SECONDS; ;) {
    const options = { waitSeconds, revision: latestRevision, signal };
    const answer = await service.poll(id, options).catch((error: unknown) => {
      const isUnavailable = error instanceof CommandFailedError && error.exitCode === ExitCode.ServiceUnavailable;
      if (!isUnavailable || waitSeconds === 0) throw error;
      return undefined;
    });
    if (answer === undefined) {
      waitSeconds = 0;
      continue;
    }
    latestRevision = answer.revision;
    if (answer.query !== undefined) {
      yield answer.query;
      if (isEnded(answer.query)) return;
    }
    await pause(answer.retryAfterMs, signal);
  }
}

/** No byte arrived before the timeout. */
class StreamSilentError extends Error {}

/**
 * Yields the events of one stream. Returns when the stream ends, because the query ended or the connection was lost.
 *
 * @throws StreamSilentError; otherwise like ServiceClient.
 */
async function* streamQuery(
  service: ServiceClient,
  id: string,
  revision: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<{ query: Query; revision: string | undefined }, void, undefined> {
  const stop = new AbortController();
  const release = abortWith(stop, signal);
  const onSilence = () => stop.abort(new StreamSilentError());
  // If the query has not changed, the first byte of a resumed stream is the comment after 15 s.
  let timer = setTimeout(onSilence, revision === undefined ? FIRST_BYTE_TIMEOUT_MS : SILENCE_TIMEOUT_MS);
  async function* restartTimer(body: AsyncIterable<Uint8Array>) {
    for await (const chunk of body) {
      clearTimeout(timer);
      timer = setTimeout(onSilence, SILENCE_TIMEOUT_MS);
      yield chunk;
    }
  }
  try {
    const body = await service.openEvents(id, revision, stop.signal);
    if (body === undefined) return;
    for await (const event of parseEvents(restartTimer(body))) {
      yield { query: parseQuery(readJson(event.data)), revision: toRevision(event.id) };
    }
  } catch (error) {
    stop.signal.throwIfAborted();
    // `fetch` throws a TypeError for a body that is cut off.
    if (!(error instanceof TypeError)) throw error;
  } finally {
    clearTimeout(timer);
    release();
    stop.abort();
  }
}

interface ServerSentEvent {
  data: string;
  /** The latest id of the stream, which an event without an id keeps; undefined before the first id. */
  id: string | undefined;
}

/** Parses Server-Sent Events (WHATWG HTML, 9.2.6) as they arrive. Drops an event that the end of the stream cuts off. */
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

/** @returns Undefined if the text is not JSON, which parseQuery rejects. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(stripControls(text));
  } catch {
    return undefined;
  }
}
