import { STATUS_CODES } from 'node:http';
import { ALL_ERRORS, type AnyErrorCode, describeError } from '#shared/contract/error-codes';
import { closedObject, type JsonSchema, toSchema } from '#shared/contract/json-schema';
import type { HeaderReferences } from './headers';

export interface MediaType {
  readonly schema: JsonSchema;
  readonly examples?: Readonly<Record<string, unknown>>;
}

/** A response object of OpenAPI. */
export interface Answer {
  readonly description: string;
  readonly headers: HeaderReferences;
  readonly content?: Readonly<Record<string, MediaType>>;
  /** The codes that the body can carry: what the schema leaves open, since all errors have the same one. */
  readonly 'x-codes'?: readonly AnyErrorCode[];
}

const TEXT: JsonSchema = { type: 'string', pattern: '\\S', maxLength: 2_000, description: 'For people.' };

/**
 * The schemas of the errors of a listener.
 *
 * @param type The pattern of the member `type`.
 */
export function toProblemSchemas(codes: readonly AnyErrorCode[], type: string): Record<string, JsonSchema> {
  return {
    ErrorCode: { type: 'string', description: 'Stable. Later versions can add codes.', enum: codes },
    Problem: closedObject('Problem details (RFC 9457).', {
      type: {
        type: 'string',
        format: 'uri-reference',
        pattern: type,
        maxLength: 2_048,
        description: 'Where the code is explained.',
      },
      title: { ...TEXT, description: 'Fixed for each code.' },
      status: { type: 'integer', format: 'int32', minimum: 400, maximum: 599, description: 'The HTTP status.' },
      code: toSchema('ErrorCode'),
      // Clients that Kiota generates take it for the message of the exception.
      detail: { ...TEXT, 'x-ms-primary-error-message': true },
      instance: {
        type: 'string',
        pattern: '^/',
        maxLength: 16_384,
        description: 'The path of the request, as it was sent.',
      },
      error: toSchema('ProblemError'),
    }),
    ProblemError: closedObject('`code` and `detail` once more, in the form that Azure clients read.', {
      code: toSchema('ErrorCode'),
      message: TEXT,
    }),
  };
}

/** A problem document for each code, by its code. */
export function toProblemExamples(
  codes: readonly AnyErrorCode[],
  explanation: string,
  toInstance: (status: number) => string,
): Record<string, { summary: string; value: object }> {
  return Object.fromEntries(
    codes.map((code) => {
      const { title, status } = ALL_ERRORS[code];
      const detail = describeError(code);
      const error = { code, message: detail };
      const value = { type: explanation + code, title, status, code, detail, instance: toInstance(status), error };
      return [code, { summary: code, value }] as const;
    }),
  );
}

/** A response for each status that these codes have. */
export function toErrorAnswers(
  codes: readonly AnyErrorCode[],
  toHeaders: (status: number) => HeaderReferences,
  toContent: (status: number, codes: readonly AnyErrorCode[]) => Record<string, MediaType> = toProblemContent,
): Record<number, Answer> {
  const statuses = [...new Set(codes.map((code) => ALL_ERRORS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const ofStatus = codes.filter((code) => ALL_ERRORS[code].status === status);
      const description = ofStatus.map((code) => `- \`${code}\`: ${describeError(code)}`).join('\n');
      const answer = { description, headers: toHeaders(status), content: toContent(status, ofStatus) };
      return [status, { ...answer, 'x-codes': ofStatus }] as const;
    }),
  );
}

/** One example: the others differ in their texts, which the description has. */
function toProblemContent(_status: number, [code = 'INTERNAL_ERROR']: readonly AnyErrorCode[]) {
  const examples = { [code]: { $ref: `#/components/examples/${code}` } };
  return { 'application/problem+json': { schema: toSchema('Problem'), examples } };
}

/** Operations by path and method, as Nest collects them. */
type Paths = Record<string, object>;

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Answer>>;
}

/**
 * Turns every error into a component that its operations refer to. The component has the name of its status; a second one
 * with the same status has the name of its first operation too.
 */
export function shareErrors(paths: Paths): { paths: Paths; responses: Record<string, Answer> } {
  const names = new Map<string, string>();
  const responses: Record<string, Answer> = {};
  const share = (status: string, answer: Answer, operationId: string) => {
    if (answer['x-codes'] === undefined) return answer;
    const text = JSON.stringify(answer);
    const plain = (STATUS_CODES[status] ?? '').replace(/\W/g, '');
    const name = names.get(text) ?? (plain in responses ? `${plain}.${operationId}` : plain);
    names.set(text, name);
    responses[name] = answer;
    return { $ref: `#/components/responses/${name}` };
  };
  const shareIn = (operation: Operation) => ({
    ...operation,
    responses: Object.fromEntries(
      Object.entries(operation.responses).map(([status, answer]) => [
        status,
        share(status, answer, operation.operationId),
      ]),
    ),
  });
  const shared = Object.entries(paths).map(([path, item]) => [
    path,
    Object.fromEntries(
      Object.entries(item as Record<string, Operation>).map(([method, operation]) => [method, shareIn(operation)]),
    ),
  ]);
  return { paths: Object.fromEntries(shared) as Paths, responses };
}

/** Of the components of a kind, those that the answers refer to. */
export function pickUsed<T>(kind: 'headers' | 'examples', all: Record<string, T>, answers: object): Record<string, T> {
  const text = JSON.stringify(answers);
  return Object.fromEntries(Object.entries(all).filter(([name]) => text.includes(`#/components/${kind}/${name}"`)));
}
