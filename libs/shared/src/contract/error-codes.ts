interface ErrorEntry {
  /** The HTTP status of the problem document that carries the code. */
  readonly status: 400 | 401 | 403 | 404 | 405 | 406 | 408 | 409 | 413 | 415 | 422 | 429 | 431 | 500 | 503;
  /** What is wrong, for people; never holds a value of the request or of the service's inside. */
  readonly title: string;
  /** What the caller can do about it. */
  readonly remedy: string;
  /** Whether the same request, sent again later, can succeed. */
  readonly retryable: boolean;
}

/**
 * Every code that an answer to a caller can carry. The codes with status 409 are the ways in which an
 * accepted query can end without a result: a conflict with the query's state that no retry of the GET
 * mends, and no illness of this service, which a 5xx would claim.
 */
export const ERROR_TABLE = {
  BODY_MISSING: {
    status: 400,
    title: 'The request has no body.',
    remedy: 'Send a JSON object with the members start and end.',
    retryable: false,
  },
  REQUEST_UNREADABLE: {
    status: 400,
    title: 'The request is not valid HTTP.',
    remedy: 'Send it with a client that keeps to HTTP/1.1.',
    retryable: false,
  },
  BODY_NOT_JSON: {
    status: 400,
    title: 'The body is not JSON.',
    remedy: 'Send one valid JSON object, encoded as UTF-8.',
    retryable: false,
  },
  REQUEST_INVALID: {
    status: 400,
    title: 'The request is not valid.',
    remedy: 'Correct the members that the detail names.',
    retryable: false,
  },
  QUERY_RANGE_INVALID: {
    status: 400,
    title: 'The range ends before it starts.',
    remedy: 'Let end be the same day as start, or a later one.',
    retryable: false,
  },
  QUERY_RANGE_TOO_LONG: {
    status: 400,
    title: 'The range has too many days.',
    remedy: 'Ask for fewer days at once.',
    retryable: false,
  },
  IDEMPOTENCY_KEY_INVALID: {
    status: 400,
    title: 'The idempotency key is not valid.',
    remedy: 'Send 1 to 255 printable characters, once.',
    retryable: false,
  },
  UNAUTHENTICATED: {
    status: 401,
    title: 'The request has no valid credential.',
    remedy: 'Send one as the WWW-Authenticate header says; the documentation tells which kinds there are.',
    retryable: false,
  },
  FORBIDDEN: {
    status: 403,
    title: 'The credential is valid, but not for this service.',
    remedy: 'Ask whoever administers the tenant for the role or the scope that the service requires.',
    retryable: false,
  },
  HOST_NOT_ALLOWED: {
    status: 403,
    title: 'While no credential is asked for, this listener is reached by a loopback name alone.',
    remedy:
      'Send the Host localhost or 127.0.0.1, or let the listener ask for a credential (AUTH_MODE, OPERATOR_AUTH); ALLOW_ANONYMOUS=true lets callers in by any name.',
    retryable: false,
  },
  CROSS_SITE_REQUEST: {
    status: 403,
    title: 'A page of another site may not change anything here.',
    remedy:
      'Send it from a program or from a page of this service; a proxy in front must pass Host on as it is, or PUBLIC_BASE_URL or CORS_ORIGINS must name the origin.',
    retryable: false,
  },
  QUERY_NOT_FOUND: {
    status: 404,
    title: 'There is no such query.',
    remedy: 'Check the id; a query and its result are kept for a limited time after it has ended.',
    retryable: false,
  },
  ROUTE_NOT_FOUND: {
    status: 404,
    title: 'There is no such route.',
    remedy: 'See /api/docs for the routes that there are.',
    retryable: false,
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'The route does not answer to this method.',
    remedy: 'Use one of the methods that the Allow header names.',
    retryable: false,
  },
  NOT_ACCEPTABLE: {
    status: 406,
    title: 'The resource has none of the accepted forms.',
    remedy: 'Accept application/json; the status document also comes as text/html and text/event-stream.',
    retryable: false,
  },
  REQUEST_TOO_SLOW: {
    status: 408,
    title: 'The request took too long to arrive.',
    remedy: 'Send it again, over a faster connection.',
    retryable: true,
  },
  BODY_TOO_LARGE: {
    status: 413,
    title: 'The body is too large.',
    remedy: 'Send at most 16 KiB.',
    retryable: false,
  },
  MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    title: 'The content type is not supported.',
    remedy: 'Send the body as application/json.',
    retryable: false,
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'The idempotency key belongs to another request.',
    remedy: 'Send a new key with a new request, and the same key only with the same request.',
    retryable: false,
  },
  RATE_LIMITED: {
    status: 429,
    title: 'There were too many requests.',
    remedy: 'Wait as long as Retry-After says; a long poll or the event stream asks less often.',
    retryable: true,
  },
  TOO_MANY_LIVE_QUERIES: {
    status: 429,
    title: 'Too many queries of this caller have not ended yet.',
    remedy: 'Wait until one of them has ended, or terminate one.',
    retryable: true,
  },
  TOO_MANY_STREAMS: {
    status: 429,
    title: 'Too many event streams of this caller are open.',
    remedy: 'Close one of them, or wait until one has ended; a long poll needs no stream.',
    retryable: true,
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    title: 'The headers of the request are too large.',
    remedy: 'Send at most 16 KiB of headers, and a token of at most 8 KiB.',
    retryable: false,
  },
  INTERNAL_ERROR: {
    status: 500,
    title: 'The service made a mistake.',
    remedy: 'Tell the operator the time of the request; trying again may help.',
    retryable: true,
  },
  SERVICE_UNAVAILABLE: {
    status: 503,
    title: 'The service cannot take or look up queries at the moment.',
    remedy: 'Try again after the time that Retry-After gives.',
    retryable: true,
  },
  AUTH_UNAVAILABLE: {
    status: 503,
    title: 'The credential cannot be checked at the moment.',
    remedy: 'Try again after the time that Retry-After gives; the identity provider cannot be reached.',
    retryable: true,
  },
  NOT_READY: {
    status: 503,
    title: 'This process is not ready.',
    remedy: 'Wait; the detail tells what is missing.',
    retryable: true,
  },
  TABLE_THROTTLED: {
    status: 409,
    title: 'The table service was busy for too long.',
    remedy: 'Submit the query again when the storage account has less to do; days already read can be reused.',
    retryable: false,
  },
  TABLE_UNREACHABLE: {
    status: 409,
    title: 'The table service could not be reached, or did not answer in time.',
    remedy: 'Submit the query again later; days already read can be reused.',
    retryable: false,
  },
  TABLE_PROTOCOL: {
    status: 409,
    title: 'The table service gave answers that cannot be right.',
    remedy: 'Tell the operator: something between the service and its storage account changes the answers.',
    retryable: false,
  },
  TABLE_FORBIDDEN: {
    status: 409,
    title: 'The table service refused the credential.',
    remedy: 'Tell the operator: the key or role of the service for its storage account is wrong.',
    retryable: false,
  },
  TABLE_NOT_FOUND: {
    status: 409,
    title: 'The table does not exist.',
    remedy: 'Tell the operator: the configured table is not in the storage account.',
    retryable: false,
  },
  QUERY_TIME_LIMIT: {
    status: 409,
    title: 'The query took longer than the service allows.',
    remedy: 'Ask for fewer days, or submit it again: days already read can be reused.',
    retryable: false,
  },
  QUERY_INVALID: {
    status: 409,
    title: 'The accepted query cannot be understood by the worker that took it.',
    remedy: 'Submit the query again; if that does not help, tell the operator that versions are mixed.',
    retryable: false,
  },
  WORKER_LOST: {
    status: 409,
    title: 'The workers that ran the query were lost too often.',
    remedy: 'Submit the query again; if that does not help, tell the operator.',
    retryable: false,
  },
  QUERY_FAILED: {
    status: 409,
    title: 'The query failed for an unexpected reason.',
    remedy: 'Submit the query again; if that does not help, tell the operator.',
    retryable: false,
  },
  QUERY_TERMINATED: {
    status: 409,
    title: 'The query was terminated.',
    remedy: 'Submit the query again if the result is wanted after all.',
    retryable: false,
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_TABLE;

/**
 * The codes that only operators can be answered with; their listener has those of {@link ERROR_TABLE} besides. Apart, since
 * none of these is a way in which a query ends.
 */
export const OPERATOR_ERROR_TABLE = {
  QUERY_NOT_FAILED: {
    status: 409,
    title: 'Only a failed query can be rewound.',
    remedy: 'Restart the query instead, which asks the same anew.',
    retryable: false,
  },
  QUERY_NOT_ENDED: {
    status: 409,
    title: 'The query has not ended, or its worker has not let go of it yet.',
    remedy: 'Terminate it first, or wait for its end; a worker lets go within some seconds.',
    retryable: true,
  },
  PURGE_NOT_FOUND: {
    status: 404,
    title: 'There is no such purge.',
    remedy: 'Check the id; a purge is kept for a limited time after it has ended.',
    retryable: false,
  },
} as const satisfies Record<string, ErrorEntry>;

export const ALL_ERRORS = { ...ERROR_TABLE, ...OPERATOR_ERROR_TABLE };

/** Every code that any listener can answer with. */
export type AnyErrorCode = keyof typeof ALL_ERRORS;

/** The codes with which an accepted query can end. */
export type FailureCode = { [C in ErrorCode]: (typeof ERROR_TABLE)[C]['status'] extends 409 ? C : never }[ErrorCode];

/** The ways in which an accepted query can end without a result. */
export const FAILURE_CODES = Object.entries(ERROR_TABLE).flatMap(([code, { status }]) =>
  status === 409 ? [code as FailureCode] : [],
);

/** The text for callers: fixed for each code, so that nothing of the inside can get into it. */
export function describeError(code: AnyErrorCode): string {
  return `${ALL_ERRORS[code].title} ${ALL_ERRORS[code].remedy}`;
}
