import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** The client closed its connection while its request waited: no answer can be sent. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

/** Whether the error means that the client closed its connection, while it sent its request or waited for the answer. */
export function isClientGone(thrown: unknown, { raw }: FastifyRequest): boolean {
  return thrown instanceof ClientGoneError || (raw.errored !== null && thrown === raw.errored);
}

const signals = new WeakMap<Socket, AbortSignal>();

/**
 * A signal that is aborted when the connection of this answer closes. Node emits `close` only on the answer whose turn it
 * is: the answers to pipelined requests behind it never close.
 */
export function toClosedSignal({ req: { socket } }: ServerResponse): AbortSignal {
  const known = signals.get(socket);
  if (known !== undefined) return known;
  const closed = new AbortController();
  // One signal for all requests of the connection, of which any number may be pipelined.
  setMaxListeners(0, closed.signal);
  signals.set(socket, closed.signal);
  if (socket.destroyed) closed.abort();
  else socket.once('close', () => closed.abort());
  return closed.signal;
}
