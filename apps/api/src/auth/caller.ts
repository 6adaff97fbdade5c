import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Credential } from './authenticator';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose request it is: `anonymous`, `key:<name>` or `entra:<tenant>/<object id>`. Empty on a route that is open. */
    caller: string;
    /** What the caller was known by; null on a route that is open. */
    credential: Credential | null;
  }
}

/** The caller: the subject of the request's credential, to whom a query belongs. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  // A route that is open by mistake must not have queries that belong to nobody, and so to everybody.
  if (caller === '') throw new Error('a route that is open asks for its caller');
  return caller;
});

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Who operates: `anonymous`, `basic:<name>` or `entra:<tenant>/<object id>`. Empty until the listener's guard has let
     * the request in.
     */
    operator: string;
  }
}

/** The operator who asks, for a handler: the subject of the request's credential. */
export const Operator = createParamDecorator(
  (_data: unknown, context: ExecutionContext): string => context.switchToHttp().getRequest<FastifyRequest>().operator,
);
