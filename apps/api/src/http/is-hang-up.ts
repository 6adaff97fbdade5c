import type { FastifyRequest } from 'fastify';

/** Whether what was thrown is that the client hung up while it sent its request: nobody is there to be answered. */
export function isHangUp(thrown: unknown, { raw }: FastifyRequest): boolean {
  return raw.errored !== null && thrown === raw.errored;
}
