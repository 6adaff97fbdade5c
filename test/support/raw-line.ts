import { connect, type Socket } from 'node:net';
import { waitUntil } from './wait-until';

/** One connection to a listener, with what has come over it so far. */
export interface RawLine {
  socket: Socket;
  readonly text: string;
  /** Until `text` matches. */
  hears(expected: RegExp): Promise<string>;
  /** Until the other side has let go of it, for good. */
  ends(): Promise<void>;
}

/** A connection that says what a test says and no more; it is still open where an ordinary client would close it. */
export async function openRawLine(url: string): Promise<RawLine> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true }).setEncoding('utf8');
  let text = '';
  let isReset = false;
  socket.on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => (isReset = true));
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return {
    socket,
    get text() {
      return text;
    },
    hears: (expected) =>
      waitUntil(
        `an answer like ${expected}`,
        () => text,
        (heard) => expected.test(heard),
      ),
    async ends() {
      await waitUntil(
        'the end of the connection',
        () => isReset || socket.readableEnded,
        (isOver) => isOver,
      );
    },
  };
}
