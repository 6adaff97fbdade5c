import { connect, type Socket } from 'node:net';
import { waitUntil } from './wait-until';

/** A TCP connection to a listener, and the text received so far. */
export interface RawLine {
  socket: Socket;
  readonly text: string;
  /** Resolves when `text` matches. */
  hears(expected: RegExp): Promise<string>;
  /** Resolves when the listener has closed the connection. */
  ends(): Promise<void>;
}

/** Opens a connection that sends only what the test writes, and that stays half open, unlike that of an HTTP client. */
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
