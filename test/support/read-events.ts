/** One event of a stream, with parsed data. */
export interface StreamEvent {
  event: string;
  id: string;
  data: Record<string, unknown>;
}

/** Yields the events of an answer without comments. Ends with the stream, and closes it if the loop ends early. */
export async function* readEvents(answer: Response): AsyncGenerator<StreamEvent, undefined, undefined> {
  const reader = (answer.body as ReadableStream<Uint8Array> | null)?.getReader();
  if (reader === undefined) throw new Error('the answer has no body');
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2))) as Record<
          string,
          string
        >;
        if (fields['data'] === undefined) continue;
        const data = JSON.parse(fields['data']) as Record<string, unknown>;
        yield { event: fields['event'] ?? '', id: fields['id'] ?? '', data };
      }
    }
  } finally {
    await reader.cancel();
  }
}
