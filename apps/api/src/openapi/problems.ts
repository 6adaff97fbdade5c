import { describeError, ERROR_TABLE, type ErrorCode } from '#shared/contract/error-codes';
import { closedObject, type JsonSchema } from './json-schema';
import { EXAMPLE_ID } from './query-examples';

const CODE: JsonSchema = {
  type: 'string',
  description: 'Stable; what to do about each is told at `/api/docs`.',
  enum: Object.keys(ERROR_TABLE),
};
const TEXT: JsonSchema = { type: 'string', pattern: '\\S', maxLength: 2_000, description: 'For people.' };

export const ERROR_SCHEMAS: Record<string, JsonSchema> = {
  Problem: closedObject('Problem details (RFC 9457).', {
    type: {
      type: 'string',
      format: 'uri-reference',
      pattern: '^/([^#]*/)?api/docs#[A-Z_]+$',
      maxLength: 2_048,
      description: 'Where the code is explained.',
    },
    title: { ...TEXT, description: 'Fixed for each code.' },
    status: { type: 'integer', format: 'int32', minimum: 400, maximum: 599, description: 'The HTTP status.' },
    code: CODE,
    detail: TEXT,
    instance: {
      type: 'string',
      pattern: '^/',
      maxLength: 16_384,
      description: 'The path of the request, as it was sent.',
    },
    error: { $ref: '#/components/schemas/ProblemError' },
  }),
  ProblemError: closedObject('`code` and `detail` once more, in the form that Azure clients read.', {
    code: CODE,
    message: TEXT,
  }),
  OriginalError: closedObject('An error, in the form of the original service.', { error: TEXT }),
};

/** A problem document for each code, to be referred to by it. */
export const PROBLEM_EXAMPLES = Object.fromEntries(
  (Object.keys(ERROR_TABLE) as ErrorCode[]).map((code) => [code, { summary: code, value: toExample(code) }]),
);

function toExample(code: ErrorCode) {
  const { title, status } = ERROR_TABLE[code];
  const detail = describeError(code);
  const instance = status === 404 || status === 409 ? `/api/queries/${EXAMPLE_ID}/result` : '/api/queries';
  return { type: `/api/docs#${code}`, title, status, code, detail, instance, error: { code, message: detail } };
}

/** The schema of a problem document that carries one of these codes, which have one status. */
export function toProblemSchema(status: number, codes: readonly ErrorCode[]): JsonSchema {
  return {
    allOf: [
      { $ref: '#/components/schemas/Problem' },
      {
        type: 'object',
        required: ['status', 'code'],
        properties: { status: { const: status }, code: { enum: codes } },
      },
    ],
  };
}

/** What each code means and what to do about it, as Markdown. */
export function describeCodes(codes: readonly ErrorCode[]): string {
  return codes.map((code) => `- \`${code}\`: ${describeError(code)}`).join('\n');
}
