import type { FastifyReply } from 'fastify';

/** Names a header of the request on which the answer depends (RFC 9110, 12.5.5), beside those that others have named. */
export function varyBy(reply: FastifyReply, name: string): void {
  const before = reply.getHeader('Vary');
  // As in most answers.
  if (before === undefined) return void reply.header('Vary', name);
  const named = [before].flat().flatMap((value) => String(value).split(/ *, */));
  const isNamed = named.some((one) => one === '*' || one.toLowerCase() === name.toLowerCase());
  if (!isNamed) void reply.header('Vary', [...named, name].join(', '));
}
