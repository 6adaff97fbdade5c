import type { JsonSchema } from './json-schema';

interface Header {
  readonly description: string;
  readonly schema: JsonSchema;
}

const text = (pattern: string, maxLength: number): JsonSchema => ({ type: 'string', pattern, maxLength });
const exactly = (value: string): JsonSchema => ({ type: 'string', enum: [value] });

/** On every answer of the listener. */
const ALWAYS = {
  'Cache-Control': { description: 'Nothing may be kept by a cache.', schema: exactly('no-store') },
  'Content-Security-Policy': { description: 'What a page may load.', schema: text('^default-src .+$', 1_000) },
  'Referrer-Policy': { description: 'Of a page.', schema: exactly('no-referrer') },
  'X-Content-Type-Options': { description: 'The content is what its type says.', schema: exactly('nosniff') },
} as const satisfies Record<string, Header>;

/** With every answer too, and told once in the document. */
const SECURITY = {
  'Cross-Origin-Opener-Policy': { description: 'Of a page.', schema: exactly('same-origin') },
  'Cross-Origin-Resource-Policy': { description: 'No page elsewhere may embed it.', schema: exactly('same-origin') },
  'X-Frame-Options': { description: 'No page may frame it.', schema: exactly('DENY') },
} as const satisfies Record<string, Header>;

const SOMETIMES = {
  Allow: { description: 'The methods that the route has.', schema: text('^[A-Z]+(, [A-Z]+)*$', 64) },
  Link: { description: 'The next page, where there is one.', schema: text('^<[^>]+>; rel="next"$', 2_000) },
  Location: {
    description: 'Where to look next, relative to this listener.',
    schema: { type: 'string', format: 'uri-reference', pattern: '^/operator/', maxLength: 64 },
  },
  'Retry-After': {
    description: 'How many seconds to wait before the next request.',
    schema: { type: 'integer', format: 'int32', minimum: 1, maximum: 60 },
  },
  'WWW-Authenticate': {
    description:
      'Which credential is asked for (RFC 9110, 11.6.1), and what was wrong with that of a token (RFC 6750).',
    schema: text('^(Basic|Bearer) realm="[^"]+"(, .+)?$', 1_000),
  },
} as const satisfies Record<string, Header>;

export type HeaderName = keyof typeof SOMETIMES;

/** Each header twice: a reference cannot say whether it is always there. */
export const OPERATOR_HEADERS = Object.fromEntries<Header & { required?: true }>([
  ...Object.entries(ALWAYS).map(([name, header]) => [name, { ...header, required: true }] as const),
  ...Object.entries({ ...SECURITY, ...SOMETIMES }).map(([name, header]) => [name, header] as const),
  ...Object.entries(SOMETIMES).map(([name, header]) => [`${name}.always`, { ...header, required: true }] as const),
]);

const toReference = (name: string) => ({ $ref: `#/components/headers/${name}` });

export const SECURITY_HEADERS = Object.fromEntries(Object.keys(SECURITY).map((name) => [name, toReference(name)]));

/** The headers of an answer: those that it always has, and those that it can have. */
export function toHeaders(
  always: readonly HeaderName[],
  sometimes: readonly HeaderName[] = [],
): Record<string, { $ref: string }> {
  return Object.fromEntries([
    ...Object.keys(ALWAYS).map((name) => [name, toReference(name)] as const),
    ...sometimes.map((name) => [name, toReference(name)] as const),
    ...always.map((name) => [name, toReference(`${name}.always`)] as const),
  ]);
}
