import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiSecurity } from '@nestjs/swagger';
import { closedObject, type JsonSchema, toSchema } from '#shared/contract/json-schema';
import { toHeaders } from './headers';
import { ApiAnswers, type RouteHeaders, toProblems } from './public-responses';

const HEADERS: RouteHeaders = { always: ['Cache-Control'], sometimes: [] };

export const HEALTH_SCHEMAS: Record<string, JsonSchema> = {
  Health: closedObject('The process can do its work.', { status: { type: 'string', const: 'ok' } }),
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
    ApiAnswers({ 200: OK, ...toProblems(HEADERS, []) }),
  );
}

/** `GET /health/ready` */
export function ReadyOperation(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'isReady',
      tags: ['health'],
      summary: 'Can the process take queries?',
      description: 'For the platform’s probes.',
    }),
    ApiSecurity({}),
    ApiAnswers({ 200: OK, ...toProblems(HEADERS, ['NOT_READY']) }),
  );
}
