import type { IncomingMessage } from 'node:http';
import { createParamDecorator, type ExecutionContext, Injectable, type PipeTransform } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from '../../http/problem-error';

const NAME = 'idempotency-key';

/** Printable, in any alphabet: Node decodes the bytes of a header as Latin-1. */
// eslint-disable-next-line no-control-regex -- it rejects control characters
const KEY = /^[^\u0000-\u001f\u007f]{1,255}$/;

@Injectable()
export class IdempotencyKeyPipe implements PipeTransform<IncomingMessage, string | undefined> {
  /**
   * @throws ProblemError IDEMPOTENCY_KEY_INVALID for a key that is empty, longer than 255 characters, has control
   *   characters, or is sent twice.
   */
  transform({ headers, headersDistinct }: IncomingMessage): string | undefined {
    if (headers[NAME] === undefined) return undefined;
    // `headers` joins repeated headers with a comma.
    const [key = '', another] = headersDistinct[NAME] ?? [];
    if (another !== undefined || !KEY.test(key)) throw new ProblemError('IDEMPOTENCY_KEY_INVALID');
    return key;
  }
}

const RawMessage = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<FastifyRequest>().raw,
);

/** The header `Idempotency-Key`; undefined if absent. */
export const IdempotencyKey = (): ParameterDecorator => RawMessage(IdempotencyKeyPipe);
