import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';

const hangUps = new WeakMap<Socket, AbortSignal>();

/**
 * What is aborted once the connection is gone on which this is the answer. Node tells it to the one answer whose turn it
 * is: those of requests that were sent after that, without waiting for it, hear nothing, and never close.
 */
export function toHangUp({ req: { socket } }: ServerResponse): AbortSignal {
  const known = hangUps.get(socket);
  if (known !== undefined) return known;
  const hangUp = new AbortController();
  // One for all requests of the connection, of which any number may be under way.
  setMaxListeners(0, hangUp.signal);
  hangUps.set(socket, hangUp.signal);
  if (socket.destroyed) hangUp.abort();
  else socket.once('close', () => hangUp.abort());
  return hangUp.signal;
}

/** Whether what was thrown is that the client hung up while it sent its request: nobody is there to be answered. */
export function isHangUp(thrown: unknown, { raw }: FastifyRequest): boolean {
  return raw.errored !== null && thrown === raw.errored;
}
