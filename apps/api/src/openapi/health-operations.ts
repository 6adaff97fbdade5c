import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiSecurity } from '@nestjs/swagger';
import { ApiAnswers, problems, type RouteHeaders } from './api-responses';
import { toHeaders } from './headers';
import { closedObject, type JsonSchema, toSchema } from './json-schema';

const HEADERS: RouteHeaders = { always: ['Cache-Control'], sometimes: [] };

export const HEALTH_SCHEMAS: Record<string, JsonSchema> = {
  Health: closedObject('All is well.', { status: { type: 'string', enum: ['ok'] } }),
};

const OK = {
  description: 'Yes.',
  headers: toHeaders(HEADERS.always, []),
  content: { 'application/json': { schema: toSchema('Health'), examples: { ok: { value: { status: 'ok' } } } } },
};

/** `GET /health/live` */
export function LiveOperation(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'isLive',
      tags: ['health'],
      summary: 'Does the process answer?',
      description: 'For the platform’s probes.',
    }),
    ApiSecurity({}),
    ApiAnswers({ 200: OK, ...problems(HEADERS, []) }),
  );
}

/** `GET /health/ready` */
export function ReadyOperation(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'isReady',
      tags: ['health'],
      summary: 'Can queries be taken?',
      description: 'For the platform’s probes.',
    }),
    ApiSecurity({}),
    ApiAnswers({ 200: OK, ...problems(HEADERS, ['NOT_READY']) }),
  );
}
