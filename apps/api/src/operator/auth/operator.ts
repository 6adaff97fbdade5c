import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** Who operators are while nobody is asked who they are. */
const ANONYMOUS = 'anonymous';

/** The one place that knows who asks: the subject of the request's credential. */
export function readOperator(_request: FastifyRequest): string {
  return ANONYMOUS;
}

/** The operator who asks, for a handler. */
export const Operator = createParamDecorator((_data: unknown, context: ExecutionContext): string =>
  readOperator(context.switchToHttp().getRequest()),
);
