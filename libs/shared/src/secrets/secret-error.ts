import { readRetryAfterMs } from '../contract/read-retry-after-ms';

/**
 * Why a secret cannot be had. The first two pass; the others last until somebody does something, in the vault, in
 * its access rules or in the configuration, which can be at any time and needs no restart.
 */
export const SecretErrorCode = {
  /** The vault, App Configuration or the identity's endpoint does not answer, or not in time. */
  Unreachable: 'SECRET_UNREACHABLE',
  /** One of these asks to be left alone for a while. */
  Throttled: 'SECRET_THROTTLED',
  /** There is no identity, or it may not read the secret. */
  Denied: 'SECRET_DENIED',
  NotFound: 'SECRET_NOT_FOUND',
  /** It was read, and cannot be what it should be. */
  Invalid: 'SECRET_INVALID',
} as const;

export type SecretErrorCode = (typeof SecretErrorCode)[keyof typeof SecretErrorCode];

/** A secret that could not be read. The message may be logged: it names secrets and never has a value. */
export class SecretError extends Error {
  override readonly name = 'SecretError';

  constructor(
    readonly code: SecretErrorCode,
    message: string,
    readonly options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
  }

  /** Whether it may disappear without any action. */
  get isPassing(): boolean {
    return this.code === SecretErrorCode.Unreachable || this.code === SecretErrorCode.Throttled;
  }
}

/**
 * A failed request for a secret as an error of this project.
 *
 * @param what Names the secret and where it was asked for; never a value.
 */
export function toSecretError(error: unknown, what: string): SecretError {
  if (error instanceof SecretError) {
    // Of the credential; it does not know what the token was for.
    return new SecretError(error.code, `${what}: ${error.message}`, { ...error.options, cause: error });
  }
  const failure = readServiceFailure(error);
  return new SecretError(toSecretCode(failure), `${what}: ${describe(failure)}`, {
    retryAfterMs: failure.retryAfterMs,
    cause: error,
  });
}

function toSecretCode({ status, code }: ServiceFailure): SecretErrorCode {
  if (status === undefined) return code === undefined ? SecretErrorCode.Denied : SecretErrorCode.Unreachable;
  if (status === 401 || status === 403) return SecretErrorCode.Denied;
  if (status === 404) return SecretErrorCode.NotFound;
  if (status === 429) return SecretErrorCode.Throttled;
  // Such as a name that no secret can have.
  return status < 500 && status !== 408 ? SecretErrorCode.Invalid : SecretErrorCode.Unreachable;
}

/**
 * A failed request for a token as an error of this project. The library tries several ways and wraps what each says,
 * one in the other, so that a way which this machine does not have looks like one that failed: an answer counts for
 * more than none, and none for more than "not here".
 */
export function toIdentityError(error: unknown): SecretError {
  const failures = listCauses(error).map(readServiceFailure);
  const found =
    failures.find(({ status }) => status !== undefined) ?? failures.find(({ code }) => code !== undefined) ?? {};
  const isKnown = found.status !== undefined || found.code !== undefined;
  const reason = isKnown ? describe(found) : 'none is to be had on this machine';
  return new SecretError(toIdentityCode(found), `the identity: ${reason}`, {
    retryAfterMs: found.retryAfterMs,
    cause: error,
  });
}

function toIdentityCode({ status, code }: ServiceFailure): SecretErrorCode {
  if (status === undefined) return code === undefined ? SecretErrorCode.Denied : SecretErrorCode.Unreachable;
  if (status === 429) return SecretErrorCode.Throttled;
  return status === 400 || status === 401 || status === 403 ? SecretErrorCode.Denied : SecretErrorCode.Unreachable;
}

function describe({ status, code, serviceCode, text }: ServiceFailure): string {
  if (status !== undefined) return `answered ${status} ${serviceCode ?? ''}`.trim();
  return code === undefined ? (text ?? 'refused') : `no answer (${code})`;
}

/** The error, what caused it, and what it gathers, from the outside inwards. */
function listCauses(error: unknown): unknown[] {
  if (typeof error !== 'object' || error === null) return [];
  const { cause, errors = [] } = error as { cause?: unknown; errors?: unknown[] };
  return [error, ...listCauses(cause), ...errors.flatMap(listCauses)];
}

/** What an error of Azure's libraries says about the service behind it; which of it there is differs from one to the other. */
interface ServiceFailure {
  /** Of the answer; undefined where there was none. */
  status?: number | undefined;
  /** Why there was no answer, such as ECONNREFUSED; undefined where the library itself refused to ask. */
  code?: string | undefined;
  /** The service's own word, such as ForbiddenByRbac. */
  serviceCode?: string | undefined;
  retryAfterMs?: number | undefined;
  /** The library's words, where there is nothing else. */
  text?: string | undefined;
}

/** Members as the libraries have them: core-rest-pipeline's RestError, identity's AuthenticationError, MSAL's errors. */
interface LibraryError {
  name?: string;
  message?: string;
  status?: unknown;
  statusCode?: unknown;
  code?: unknown;
  errorCode?: unknown;
  details?: unknown;
  response?: { headers: { get(name: string): string | undefined } };
}

/** MSAL's word for any failure of the network. */
const NETWORK_ERROR = 'network_error';

function readServiceFailure(error: unknown): ServiceFailure {
  if (typeof error !== 'object' || error === null) return {};
  const { name, message, status, statusCode, code, errorCode, details, response } = error as LibraryError;
  const answered = [statusCode, status].find((value) => typeof value === 'number');
  if (answered !== undefined) {
    return {
      status: answered,
      serviceCode: readServiceCode(details),
      retryAfterMs: readRetryAfterMs(response?.headers.get('retry-after')),
    };
  }
  if (name === 'AbortError' || name === 'TimeoutError') return { code: 'took too long' };
  if (errorCode === NETWORK_ERROR) return { code: NETWORK_ERROR };
  // Uppercase: a code of the network or of TLS, and no word of a library for something else.
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code)) return { code };
  return { text: message };
}

/** Of `{ error: { code: 'Forbidden', innerError: { code: 'ForbiddenByRbac' } } }` the innermost, which is the one that tells. */
function readServiceCode(details: unknown): string | undefined {
  const codes = JSON.stringify(details ?? null).matchAll(/"code":"(\w{1,60})"/g);
  return [...codes].at(-1)?.[1];
}
