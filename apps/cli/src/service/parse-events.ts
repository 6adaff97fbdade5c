import { createParser, type EventSourceMessage } from 'eventsource-parser';

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
