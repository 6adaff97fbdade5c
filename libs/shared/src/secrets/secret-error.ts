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

  /** Whether it may well be gone in a moment, with nobody doing anything. */
  get isPassing(): boolean {
    return this.code === SecretErrorCode.Unreachable || this.code === SecretErrorCode.Throttled;
  }
}
