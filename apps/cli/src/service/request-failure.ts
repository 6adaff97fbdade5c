import { stripControls } from '#shared/contract/control-characters';
import { CommandFailedError, ExitCode } from '../command-failed-error';
import type { components } from './openapi-client';

type Problem = components['schemas']['Problem'];

/** A request without a successful answer. */
export interface RequestFailure {
  error: CommandFailedError;
  /** Whether the same request may succeed later. Every request of the command line is idempotent. */
  isRetryable: boolean;
  /** Whether the service may have executed the request although it did not confirm it. */
  mayHaveTakenEffect: boolean;
}

const RETRYABLE_STATUSES = new Set([408, 429, 500, 502, 503, 504]);

/** Also matches codes that later versions of the service add. */
const ERROR_CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** Parameter names of the API, and the options that set them. */
const OPTIONS = {
  maxAgeSeconds: '--max-age',
  createdAfter: '--created-after',
  createdBefore: '--created-before',
  pageSize: '--page-size',
  pageToken: '--page-token',
  'Idempotency-Key': '--idempotency-key',
};

/** @param text The body: a problem document of the service or a page of a proxy. */
export function toAnswerFailure(status: number, text: string): RequestFailure {
  const problem = readProblem(text);
  const isRetryable = RETRYABLE_STATUSES.has(status);
  // A gateway may time out while the service still works, and the service answers 503 when Redis stored the job but its
  // reply was lost. The service checks limits (429) before it queues a job.
  const mayHaveTakenEffect = isRetryable && status !== 429;
  if (problem === undefined) {
    const isForeign = !isRetryable && status !== 401 && status !== 403;
    if (isForeign) return { error: createNotTheServiceError(`HTTP status ${status}`), isRetryable, mayHaveTakenEffect };
    const code = 'UNEXPLAINED';
    const message = `HTTP status ${status} without a reason, probably from a proxy in front of the service.`;
    const error = new CommandFailedError({ exitCode: toExitCode(status, code), code, message });
    return { error, isRetryable, mayHaveTakenEffect };
  }
  const { code, detail } = problem;
  const error = new CommandFailedError({ exitCode: toExitCode(status, code), code, message: toOptionNames(detail) });
  return { error, isRetryable, mayHaveTakenEffect };
}

/** @param reason How the command recognized it, such as `its answer is not JSON`. */
export function createNotTheServiceError(reason: string): CommandFailedError {
  return new CommandFailedError({
    exitCode: ExitCode.ServiceUnavailable,
    code: 'NOT_THE_SERVICE',
    message: `The server is not Audit Query (${reason}): check the URL.`,
  });
}

export function isErrorCode(value: unknown): value is string {
  return typeof value === 'string' && ERROR_CODE.test(value);
}

function toOptionNames(detail: string): string {
  return Object.entries(OPTIONS).reduce((text, [name, option]) => text.replaceAll(name, option), detail);
}

function toExitCode(status: number, code: string): ExitCode {
  if (code === 'QUERY_TERMINATED') return ExitCode.QueryTerminated;
  if (code === 'ROUTE_NOT_FOUND') return ExitCode.ServiceUnavailable;
  if (status === 401 || status === 403) return ExitCode.NotAuthorized;
  if (status === 404) return ExitCode.NotFound;
  if (status === 409) return ExitCode.QueryFailed;
  return RETRYABLE_STATUSES.has(status) ? ExitCode.ServiceUnavailable : ExitCode.Usage;
}

function readProblem(text: string): Pick<Problem, 'code' | 'detail'> | undefined {
  try {
    const { code, detail } = JSON.parse(stripControls(text)) as Partial<Problem>;
    return isErrorCode(code) && typeof detail === 'string' ? { code, detail } : undefined;
  } catch {
    // Not JSON, so the service did not write it.
    return undefined;
  }
}

/** Error codes of Node that a retry does not help: the server cannot prove that it is the host of the URL. */
const CERTIFICATE_ERROR = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS|ERR_SSL/;

/** Error codes of Node that mean that no connection was established, so that no request was sent. */
const CONNECT_ERRORS = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'],
]);

/** @param cause The error that `fetch`, or reading a body, threw. */
export function toNetworkFailure(cause: unknown, host: string): RequestFailure {
  const reason = readNetworkReason(cause);
  const isCertificate = CERTIFICATE_ERROR.test(reason);
  const isUnconnected = CONNECT_ERRORS.has(reason);
  const advice = isUnconnected ? ' Is it running? Set AUDIT_QUERY_URL or --url to its URL, or run npm start.' : '';
  const message = isCertificate
    ? `This machine does not trust the certificate of ${host} (${reason}): set NODE_EXTRA_CA_CERTS to a file with its certificate authority.`
    : `${host} cannot be reached (${reason}).${advice}`;
  const code = 'SERVICE_UNREACHABLE';
  const error = new CommandFailedError({ exitCode: ExitCode.ServiceUnavailable, code, message, cause });
  return { error, isRetryable: !isCertificate, mayHaveTakenEffect: !isCertificate && !isUnconnected };
}

/** The code of the innermost error: `fetch` wraps the error of the socket. */
function readNetworkReason(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.cause instanceof Error) return readNetworkReason(error.cause);
  // One error for each address of the host.
  if (error instanceof AggregateError) return readNetworkReason(error.errors[0]);
  const { code } = error as NodeJS.ErrnoException;
  if (error.name === 'TimeoutError') return 'no answer in time';
  return typeof code === 'string' ? code : 'connection lost';
}
