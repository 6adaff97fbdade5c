import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Credential } from './authenticator';

declare module 'fastify' {
  interface FastifyRequest {
    /** On the callers' listener: `anonymous`, `key:<name>` or `entra:<tenant>/<object id>`. Empty on an open route. */
    caller: string;
    /** The credential that named the caller; null on an open route. */
    credential: Credential | null;
    /** On the operators' listener: `anonymous`, `basic:<name>` or `entra:<tenant>/<object id>`. Empty until authenticated. */
    operator: string;
  }
}

/** The caller: the subject of the request's credential, who owns the queries that it submits. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  // A query with an empty caller would belong to every request of an open route.
  if (caller === '') throw new Error('an open route has no caller');
  return caller;
});

/** The operator: the subject of the request's credential. */
export const Operator = createParamDecorator(
  (_: unknown, context: ExecutionContext): string => context.switchToHttp().getRequest<FastifyRequest>().operator,
);
