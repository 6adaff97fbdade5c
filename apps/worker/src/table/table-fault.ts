import { isRestError, type PipelineResponse } from '@azure/core-rest-pipeline';
import type { FailureCode } from '#shared/contract/error-codes';
import { readRetryAfterMs } from '#shared/http/read-retry-after-ms';
import { SecretError } from '#shared/secrets/secret-error';

type TableFailureCode = Extract<FailureCode, `TABLE_${string}`>;

/** One request to the table that gave no page. */
export class TableFault extends Error {
  override readonly name = 'TableFault';

  constructor(
    /** What the query fails with when the fault does not go away. */
    readonly code: TableFailureCode,
    message: string,
    /** `never`: asking again gives the same. `briefly`: it may, but probably something is wrong for good. */
    readonly retry: 'never' | 'briefly' | 'persistently',
    readonly options: { isPressure?: boolean; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
  }
}

/** A reply with a status other than 200 as a fault. */
export function toStatusFault({ status, headers, bodyAsText }: PipelineResponse): TableFault {
  const errorCode = headers.get('x-ms-error-code') ?? readErrorCode(bodyAsText);
  const message = `the table answered ${status} ${errorCode ?? ''}`.trim();
  if (status === 401 || status === 403) return new TableFault('TABLE_FORBIDDEN', message, 'never');
  if (status === 404) return new TableFault('TABLE_NOT_FOUND', message, 'never');
  // Beyond its targets the service says 503 Server Busy or 500 Operation Timeout.
  if (status === 429 || status === 503 || errorCode === 'OperationTimedOut') {
    return new TableFault('TABLE_THROTTLED', message, 'persistently', {
      isPressure: true,
      retryAfterMs: readRetryAfterMs(headers.get('retry-after')),
    });
  }
  if (status === 408 || status >= 500) return new TableFault('TABLE_UNREACHABLE', message, 'persistently');
  return new TableFault('TABLE_PROTOCOL', message, 'never');
}

/** A request that got no complete reply as a fault: refused, cut, or over its time. */
export function toTransportFault(error: unknown, timedOut: boolean): TableFault {
  if (timedOut) {
    return new TableFault('TABLE_UNREACHABLE', 'a page took too long', 'persistently', {
      isPressure: true,
      cause: error,
    });
  }
  // Of the identity, whose token the request needs.
  if (error instanceof SecretError) {
    return error.isPassing
      ? new TableFault('TABLE_UNREACHABLE', error.message, 'persistently', { ...error.options, cause: error })
      : new TableFault('TABLE_FORBIDDEN', error.message, 'never', { cause: error });
  }
  if (!isRestError(error)) throw error;
  return new TableFault('TABLE_UNREACHABLE', `no reply: ${error.code}`, 'persistently', { cause: error });
}

/** A reply that says 200 but cannot be a page. */
export function toProtocolFault(message: string, cause?: unknown): TableFault {
  return new TableFault('TABLE_PROTOCOL', message, 'briefly', { cause });
}

/** The service's own code, `{"odata.error":{"code":"…"}}`, where a header does not carry it. */
function readErrorCode(body: string | null | undefined): string | undefined {
  return /"code"\s*:\s*"(\w+)"|<(?:m:)?code>(\w+)</
    .exec(body ?? '')
    ?.slice(1)
    .find(Boolean);
}
