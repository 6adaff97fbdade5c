import type { JsonSchema } from '#shared/contract/json-schema';

interface Header {
  readonly description: string;
  readonly schema: JsonSchema;
}

export type HeaderReferences = Record<string, { $ref: string }>;

const text = (pattern: string, maxLength: number): JsonSchema => ({ type: 'string', pattern, maxLength });
const exactly = (value: string): JsonSchema => ({ type: 'string', const: value });

/** Every header of the callers' listener that a client can use. */
const HEADERS = {
  'Access-Control-Allow-Headers': {
    description: 'The headers that scripts of other origins may send.',
    schema: text('^[A-Za-z0-9-]+(, ?[A-Za-z0-9-]+)*$', 1_000),
  },
  'Access-Control-Allow-Methods': {
    description: 'The methods that scripts of other origins may use.',
    schema: text('^[A-Z]+(, ?[A-Z]+)*$', 64),
  },
  'Access-Control-Allow-Origin': {
    description: 'The origin of the request, if the service is configured to allow its scripts.',
    schema: text('^https?://[^/\\s]+$', 255),
  },
  'Access-Control-Expose-Headers': {
    description: 'The headers that scripts of other origins may read.',
    schema: text('^[A-Za-z-]+(, [A-Za-z-]+)*$', 255),
  },
  'Access-Control-Max-Age': {
    description: 'For how many seconds a browser may keep this answer.',
    schema: { type: 'integer', format: 'int32', minimum: 0, maximum: 86_400 },
  },
  Allow: { description: 'The methods of the route.', schema: text('^[A-Z]+(, [A-Z]+)*$', 64) },
  'Cache-Control': { description: 'No cache may keep the answer.', schema: exactly('no-store') },
  'Content-Security-Policy': { description: 'What the page may load.', schema: text('^default-src .+$', 1_000) },
  'Cross-Origin-Opener-Policy': { description: 'Of the page.', schema: exactly('same-origin') },
  'Cross-Origin-Resource-Policy': { description: 'No page elsewhere may embed it.', schema: exactly('same-origin') },
  ETag: { description: 'Changes with the document.', schema: text('^"[A-Za-z0-9_-]{27}"$', 29) },
  'Idempotency-Replayed': {
    description: 'The query was submitted before, with the same key.',
    schema: exactly('true'),
  },
  Link: { description: 'The next page, if there is one.', schema: text('^<[^>]+>; rel="next"$', 1_000) },
  Location: {
    description: 'The next address to request: absolute if the service knows its public address, else relative.',
    schema: { type: 'string', format: 'uri-reference', maxLength: 2_048 },
  },
  'Preference-Applied': {
    description: 'The wait of `Prefer` that the service applied, in seconds.',
    schema: text('^wait=\\d+$', 16),
  },
  RateLimit: {
    description: 'How many requests are left (`r`), and for how many seconds (`t`).',
    schema: text('^"(submissions|polls|requests)";r=\\d+;t=\\d+$', 64),
  },
  'RateLimit-Policy': {
    description: 'How many requests (`q`) are allowed in how many seconds (`w`).',
    schema: text('^"(submissions|polls|requests)";q=\\d+;w=\\d+$', 64),
  },
  'Referrer-Policy': { description: 'Of the page.', schema: exactly('no-referrer') },
  'Retry-After': {
    description: 'How many seconds to wait before the next request.',
    schema: { type: 'integer', format: 'int32', minimum: 1, maximum: 60 },
  },
  'Strict-Transport-Security': {
    description: 'Use https only; sent if the public address of the service is https.',
    schema: text('^max-age=\\d+$', 32),
  },
  Vary: {
    description: 'The headers of the request that the answer depends on.',
    schema: text('^[A-Za-z-]+(, [A-Za-z-]+)*$', 100),
  },
  'WWW-Authenticate': {
    description: 'Which credential the service expects, and what is wrong with the one in the request (RFC 6750).',
    schema: text('^Bearer realm="audit-query"(, [a-z_]+="[^"]+")*$', 500),
  },
  'X-Accel-Buffering': { description: 'Makes a proxy pass events on at once.', schema: exactly('no') },
  'X-Content-Type-Options': { description: 'The content is what its type says.', schema: exactly('nosniff') },
  'X-Frame-Options': { description: 'No page may frame it.', schema: exactly('DENY') },
} as const satisfies Record<string, Header>;

export type HeaderName = keyof typeof HEADERS;

/** What differs on the operators' listener. */
const OPERATOR_HEADERS: Record<string, Header> = {
  ...HEADERS,
  Link: { description: HEADERS.Link.description, schema: text('^<[^>]+>; rel="next"$', 2_000) },
  Location: {
    description: 'The next address to request, relative to this listener.',
    schema: { type: 'string', format: 'uri-reference', pattern: '^/operator/', maxLength: 64 },
  },
  'WWW-Authenticate': {
    description:
      'Which credential the listener expects (RFC 9110, 11.6.1), and what is wrong with the token in the request (RFC 6750).',
    schema: text('^(Basic|Bearer) realm="[^"]+"(, .+)?$', 1_000),
  },
};

/** Any answer of the callers' listener can have them; described once, at the root of the document. */
export const COMMON_HEADERS = toHeaders(
  [],
  [
    'Access-Control-Allow-Origin',
    'Access-Control-Expose-Headers',
    'Vary',
    'Content-Security-Policy',
    'Cross-Origin-Opener-Policy',
    'Cross-Origin-Resource-Policy',
    'Referrer-Policy',
    'Strict-Transport-Security',
    'X-Content-Type-Options',
    'X-Frame-Options',
  ],
);

/** Every answer of the operators' listener has them; described once, at the root of the document. */
export const OPERATOR_COMMON_HEADERS = toHeaders(
  [],
  ['Cross-Origin-Opener-Policy', 'Cross-Origin-Resource-Policy', 'X-Frame-Options'],
);

/** The headers of a response of the operators' listener. */
export function toOperatorHeaders(
  always: readonly HeaderName[] = [],
  sometimes: readonly HeaderName[] = [],
): HeaderReferences {
  return toHeaders(
    ['Cache-Control', 'Content-Security-Policy', 'Referrer-Policy', 'X-Content-Type-Options', ...always],
    sometimes,
  );
}

/** The component of each header. A reference cannot say that a header is required, so there is a second one of it. */
export function toHeaderComponents(listener: 'public' | 'operator'): Record<string, Header & { required?: true }> {
  const headers = Object.entries<Header>(listener === 'public' ? HEADERS : OPERATOR_HEADERS);
  return Object.fromEntries(
    headers.flatMap(([name, header]) => [
      [name, header] as const,
      [`${name}.always`, { ...header, required: true }] as const,
    ]),
  );
}

/** The headers of a response: those that it always has, and those that it can have. */
export function toHeaders(always: readonly HeaderName[], sometimes: readonly HeaderName[] = []): HeaderReferences {
  const toReference = (name: string) => ({ $ref: `#/components/headers/${name}` });
  return Object.fromEntries([
    ...sometimes.map((name) => [name, toReference(name)] as const),
    ...always.map((name) => [name, toReference(`${name}.always`)] as const),
  ]);
}
