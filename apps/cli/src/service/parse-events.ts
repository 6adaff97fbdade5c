/** One event of a stream. */
export interface ServerSentEvent {
  data: string;
  /** The last one that the stream gave, on whatever event; undefined before the first. */
  id: string | undefined;
}

/**
 * Reads Server-Sent Events (WHATWG HTML, 9.2.6) as they arrive; comments, `event` and `retry` are passed over, and so is an
 * event that the stream ends in the middle of. Written here because the usual package publishes its TypeScript under the
 * export condition `source`, which this project uses for its own.
 */
export async function* parseEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  let data: string[] = [];
  let id: string | undefined;
  for await (const line of readLines(chunks)) {
    if (line === '') {
      if (data.length > 0) yield { data: data.join('\n'), id };
      data = [];
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    else if (field === 'id' && !value.includes('\0')) id = value;
  }
}

/** Lines that end with CR LF, LF or CR; the last one, without an end, is not given. */
async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  // It also takes away a byte order mark.
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    // A CR at the very end may be half of a CR LF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest.endsWith('\r')) yield rest.slice(0, -1);
}
