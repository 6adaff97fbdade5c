import { stripControls } from '#shared/contract/control-characters';
import { CommandFailedError, ExitCode } from '../command-failed-error';
import type { components } from './openapi-client';

/** @param reason How it is known, as the end of a sentence. */
export function createNotTheServiceError(reason: string): CommandFailedError {
  return new CommandFailedError({
    exitCode: ExitCode.ServiceUnavailable,
    code: 'NOT_THE_SERVICE',
    message: `What answers is not Audit Query (${reason}): check the URL.`,
  });
}

type Problem = components['schemas']['Problem'];

/** Of an error; codes of later versions too. */
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

const RETRYABLE = new Set([408, 429, 500, 502, 503, 504]);

const OPTIONS = {
  maxAgeSeconds: '--max-age',
  createdAfter: '--created-after',
  createdBefore: '--created-before',
  pageSize: '--page-size',
  pageToken: '--page-token',
  'Idempotency-Key': '--idempotency-key',
};

/** An answer that is no success. */
export interface RequestFailure {
  error: CommandFailedError;
  /** Whether the same request may succeed later; all that the command sends is idempotent. */
  isRetryable: boolean;
  /** Whether the service may have done what was asked all the same. */
  mayHaveTakenEffect: boolean;
}

/** @param text The body, which may be a proxy's page as well as a problem document. */
export function toAnswerFailure(status: number, text: string): RequestFailure {
  const problem = readProblem(text);
  const isRetryable = RETRYABLE.has(status);
  // By a gateway that waited too long, or by the service itself, whose Redis took the job and whose reply was lost.
  // Limits are looked at before a job is queued.
  const mayHaveTakenEffect = isRetryable && status !== 429;
  if (problem === undefined) {
    const isStrange = !isRetryable && status !== 401 && status !== 403;
    if (isStrange) return { error: createNotTheServiceError(`HTTP status ${status}`), isRetryable, mayHaveTakenEffect };
    const code = 'UNEXPLAINED';
    const message = `The answer was HTTP status ${status} without a reason, likely from something in front of the service.`;
    const error = new CommandFailedError({ exitCode: toExitCode(status, code), code, message });
    return { error, isRetryable, mayHaveTakenEffect };
  }
  const { code, detail } = problem;
  const error = new CommandFailedError({ exitCode: toExitCode(status, code), code, message: toOptionNames(detail) });
  return { error, isRetryable, mayHaveTakenEffect };
}

/** The service speaks of its parameters, the user has typed options. */
function toOptionNames(detail: string): string {
  return Object.entries(OPTIONS).reduce((text, [name, option]) => text.replaceAll(name, option), detail);
}

function toExitCode(status: number, code: string): ExitCode {
  if (code === 'QUERY_TERMINATED') return ExitCode.QueryTerminated;
  if (code === 'ROUTE_NOT_FOUND') return ExitCode.ServiceUnavailable;
  if (status === 401 || status === 403) return ExitCode.NotAuthorized;
  if (status === 404) return ExitCode.NotFound;
  if (status === 409) return ExitCode.QueryFailed;
  return RETRYABLE.has(status) ? ExitCode.ServiceUnavailable : ExitCode.Usage;
}

function readProblem(text: string): Pick<Problem, 'code' | 'detail'> | undefined {
  try {
    const { code, detail } = JSON.parse(stripControls(text)) as Partial<Problem>;
    return isCode(code) && typeof detail === 'string' ? { code, detail } : undefined;
  } catch {
    // Not JSON: not written by the service.
    return undefined;
  }
}

/** What no retryOptions mends: whoever answers cannot prove to be the host of the URL. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS|ERR_SSL/;

/** Of a connection that was never made: nothing was sent. */
const UNCONNECTED = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'],
]);

/** @param error What `fetch` or the reading of a body threw. */
export function toNetworkFailure(error: unknown, host: string): RequestFailure {
  const code = readCode(error);
  const isCertificate = CERTIFICATE.test(code);
  const isUnconnected = UNCONNECTED.has(code);
  const advice = isUnconnected ? ' Is it running? Set AUDIT_QUERY_URL or --url to where it is, or run npm start.' : '';
  const message = isCertificate
    ? `${host} has no certificate that this machine trusts (${code}); NODE_EXTRA_CA_CERTS names a file with further authorities.`
    : `${host} cannot be reached (${code}).${advice}`;
  const failed = new CommandFailedError({
    ...{ exitCode: ExitCode.ServiceUnavailable, code: 'SERVICE_UNREACHABLE', message },
    cause: error,
  });
  return { error: failed, isRetryable: !isCertificate, mayHaveTakenEffect: !isCertificate && !isUnconnected };
}

/** The innermost code, which says most: `fetch` wraps what the socket says. */
function readCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.cause instanceof Error) return readCode(error.cause);
  // Several addresses were tried, each in vain.
  if (error instanceof AggregateError) return readCode(error.errors[0]);
  const { code } = error as NodeJS.ErrnoException;
  if (error.name === 'TimeoutError') return 'no answer in time';
  return typeof code === 'string' ? code : 'connection lost';
}

export function isCode(value: unknown): value is string {
  return typeof value === 'string' && CODE.test(value);
}
