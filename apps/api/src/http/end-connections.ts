import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Closes the connections of a closing listener as soon as each is answered. Node closes those that are idle at that moment,
 * but not those without a request so far, nor those answered later: the process would wait for clients that keep them open.
 *
 * @param patienceMs For a client that is waited for then, for the rest of its request or to read its answer.
 */
export function endConnectionsOnClose(fastify: FastifyInstance, patienceMs: number): void {
  const server = fastify.server;
  const connections = new Map<Socket, Set<ServerResponse>>();
  let isClosing = false;
  server.on('connection', (socket) => {
    connections.set(socket, new Set());
    socket.once('close', () => connections.delete(socket));
    if (isClosing) socket.destroy();
  });
  // Before Fastify, which may answer at once.
  server.prependListener('request', ({ socket }, response) => {
    const underWay = connections.get(socket);
    underWay?.add(response);
    // Not all of those close that are under way when the connection does, but they are forgotten with it.
    response.once('close', () => {
      underWay?.delete(response);
      if (isClosing && underWay?.size === 0) socket.destroySoon();
    });
  });
  fastify.addHook('preClose', async () => {
    isClosing = true;
    for (const [socket, underWay] of connections) {
      const last = [...underWay].at(-1);
      if (last === undefined) socket.destroySoon();
      // Fastify says so to those alone that come from now on.
      else if (!last.headersSent) last.setHeader('Connection', 'close');
    }
    const cut = setTimeout(() => {
      for (const [socket, underWay] of connections) if ([...underWay].some(waitsForClient)) socket.destroy();
    }, patienceMs);
    server.once('close', () => clearTimeout(cut));
  });
}

function waitsForClient({ req, writableEnded }: ServerResponse): boolean {
  return !req.complete || writableEnded;
}
