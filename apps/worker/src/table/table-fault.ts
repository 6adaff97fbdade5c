import { isRestError, type PipelineResponse } from '@azure/core-rest-pipeline';
import type { FailureCode } from '#shared/contract/error-codes';
import { readRetryAfterMs } from '#shared/contract/read-retry-after-ms';
import { SecretError } from '#shared/secrets/secret-error';

type TableFailureCode = Extract<FailureCode, `TABLE_${string}`>;

/** A request to the table that returned no page. */
export class TableFault extends Error {
  override readonly name = 'TableFault';

  constructor(
    /** The code of the query's failure if the fault persists. */
    readonly code: TableFailureCode,
    message: string,
    /** `never`: a retry has the same result. `briefly`: a retry may help, but the cause is probably permanent. */
    readonly retry: 'never' | 'briefly' | 'persistently',
    readonly options: {
      isPressure?: boolean;
      retryAfterMs?: number | undefined;
      /** Of the reply, if there was one. */
      status?: number;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
  }
}

/** The fault of a reply with a status other than 200. */
export function toStatusFault({ status, headers, bodyAsText }: PipelineResponse): TableFault {
  const errorCode = headers.get('x-ms-error-code') ?? readErrorCode(bodyAsText);
  const message = `the table answered ${status} ${errorCode ?? ''}`.trim();
  if (status === 401 || status === 403) return new TableFault('TABLE_FORBIDDEN', message, 'never', { status });
  if (status === 404) return new TableFault('TABLE_NOT_FOUND', message, 'never', { status });
  // Above its scalability targets the service answers 503 Server Busy or 500 Operation Timeout.
  if (status === 429 || status === 503 || errorCode === 'OperationTimedOut') {
    return new TableFault('TABLE_THROTTLED', message, 'persistently', {
      status,
      isPressure: true,
      retryAfterMs: readRetryAfterMs(headers.get('retry-after')),
    });
  }
  if (status === 408 || status >= 500) return new TableFault('TABLE_UNREACHABLE', message, 'persistently', { status });
  return new TableFault('TABLE_PROTOCOL', message, 'never', { status });
}

/** The fault of a request without a complete reply: refused, cut or timed out. */
export function toTransportFault(error: unknown, timedOut: boolean): TableFault {
  if (timedOut) {
    return new TableFault('TABLE_UNREACHABLE', 'the request for a page timed out', 'persistently', {
      isPressure: true,
      cause: error,
    });
  }
  // The request needs a token of the identity.
  if (error instanceof SecretError) {
    return error.isPassing
      ? new TableFault('TABLE_UNREACHABLE', error.message, 'persistently', { ...error.options, cause: error })
      : new TableFault('TABLE_FORBIDDEN', error.message, 'never', { cause: error });
  }
  if (!isRestError(error)) throw error;
  return new TableFault('TABLE_UNREACHABLE', `no reply: ${error.code}`, 'persistently', { cause: error });
}

/** The fault of a reply with status 200 that cannot be a page. */
export function toProtocolFault(message: string, cause?: unknown): TableFault {
  return new TableFault('TABLE_PROTOCOL', message, 'briefly', { cause });
}

/** The service's error code, `{"odata.error":{"code":"…"}}`, for replies without its header. */
function readErrorCode(body: string | null | undefined): string | undefined {
  return /"code"\s*:\s*"(\w+)"|<(?:m:)?code>(\w+)</
    .exec(body ?? '')
    ?.slice(1)
    .find(Boolean);
}
