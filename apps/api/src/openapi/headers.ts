import type { JsonSchema } from './json-schema';

interface Header {
  readonly description: string;
  readonly schema: JsonSchema;
}

const text = (pattern: string, maxLength: number): JsonSchema => ({ type: 'string', pattern, maxLength });
const exactly = (value: string): JsonSchema => ({ type: 'string', enum: [value] });

/** Every header of an answer that a client can make something of. */
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
    description: 'The origin of the request, where the service is configured to let its scripts call.',
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
  Allow: { description: 'The methods that the route has.', schema: text('^[A-Z]+(, [A-Z]+)*$', 64) },
  'Cache-Control': { description: 'Nothing may be kept by a cache.', schema: exactly('no-store') },
  'Content-Security-Policy': { description: 'What the page may load.', schema: text('^default-src .+$', 1_000) },
  'Cross-Origin-Resource-Policy': { description: 'No page elsewhere may embed it.', schema: exactly('same-origin') },
  'Cross-Origin-Opener-Policy': { description: 'Of the page.', schema: exactly('same-origin') },
  ETag: { description: 'Changes whenever the document does.', schema: text('^"[A-Za-z0-9_-]{27}"$', 29) },
  'Idempotency-Replayed': {
    description: 'The query was there before, under the same key.',
    schema: exactly('true'),
  },
  Link: { description: 'The next page, where there is one.', schema: text('^<[^>]+>; rel="next"$', 1_000) },
  Location: {
    description: 'Where to look next: absolute where the service knows its public address, else relative.',
    schema: { type: 'string', format: 'uri-reference', maxLength: 2_048 },
  },
  'Preference-Applied': {
    description: 'The wait of `Prefer` that was kept to, in seconds.',
    schema: text('^wait=\\d+$', 16),
  },
  RateLimit: {
    description: 'How many requests are left (`r`), and for how many seconds (`t`).',
    schema: text('^"(submissions|polls|requests)";r=\\d+;t=\\d+$', 64),
  },
  'RateLimit-Policy': {
    description: 'How many requests (`q`) are let through in how many seconds (`w`).',
    schema: text('^"(submissions|polls|requests)";q=\\d+;w=\\d+$', 64),
  },
  'Referrer-Policy': { description: 'Of the page.', schema: exactly('no-referrer') },
  'Retry-After': {
    description: 'How many seconds to wait before the next request.',
    schema: { type: 'integer', format: 'int32', minimum: 1, maximum: 60 },
  },
  'Strict-Transport-Security': {
    description: 'Where the public address of the service is https: keep to that.',
    schema: text('^max-age=\\d+$', 32),
  },
  Vary: {
    description: 'The headers of the request that the answer depends on.',
    schema: text('^[A-Za-z-]+(, [A-Za-z-]+)*$', 100),
  },
  'WWW-Authenticate': {
    description: 'Which credential is asked for, and what is wrong with the one that was sent (RFC 6750).',
    schema: text('^Bearer realm="audit-query"(, [a-z_]+="[^"]+")*$', 500),
  },
  'X-Accel-Buffering': { description: 'Tells a proxy to pass events on at once.', schema: exactly('no') },
  'X-Content-Type-Options': { description: 'The content is what its type says.', schema: exactly('nosniff') },
  'X-Frame-Options': { description: 'No page may frame it.', schema: exactly('DENY') },
} as const satisfies Record<string, Header>;

export type HeaderName = keyof typeof HEADERS;

/** Sent with every answer; told once in the document, and not with each. */
export const SECURITY_HEADERS = [
  'Content-Security-Policy',
  'Cross-Origin-Opener-Policy',
  'Cross-Origin-Resource-Policy',
  'Referrer-Policy',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'X-Frame-Options',
] as const satisfies HeaderName[];

/** Each header twice: a reference cannot say whether it is always there. */
export const HEADER_COMPONENTS = Object.entries<Header>(HEADERS).flatMap(([name, header]) => [
  [name, header] as const,
  [`${name}.always`, { ...header, required: true }] as const,
]);

/** The headers of a response: those that it always has, and those that it can have. */
export function toHeaders(
  always: readonly HeaderName[],
  sometimes: readonly HeaderName[],
): Record<string, { $ref: string }> {
  const toReference = (name: string) => ({ $ref: `#/components/headers/${name}` });
  const optional = [...sometimes, 'Access-Control-Allow-Origin', 'Access-Control-Expose-Headers', 'Vary'] as const;
  return Object.fromEntries([
    ...optional.map((name) => [name, toReference(name)] as const),
    ...always.map((name) => [name, toReference(`${name}.always`)] as const),
  ]);
}
