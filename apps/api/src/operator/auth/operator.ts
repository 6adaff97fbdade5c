import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

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
