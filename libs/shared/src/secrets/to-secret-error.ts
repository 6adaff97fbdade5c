import { readServiceFailure, type ServiceFailure } from './service-failure';
import { SecretError, SecretErrorCode } from './secret-error';

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
