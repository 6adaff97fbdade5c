import { CommandFailedError } from '../command-failed-error';
import { ExitCode } from '../exit-code';
import type { Refusal } from './to-service-error';

/** What no patience mends: whoever answers cannot prove to be the host of the URL. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS|ERR_SSL/;

/** @param error What `fetch` or the reading of a body threw. */
export function toNetworkError(error: unknown, host: string): Refusal {
  const code = readCode(error);
  const isCertificate = CERTIFICATE.test(code);
  const message = isCertificate
    ? `${host} has no certificate that this machine trusts (${code}); NODE_EXTRA_CA_CERTS names a file with further authorities.`
    : `${host} cannot be reached (${code}).`;
  const failed = new CommandFailedError({
    ...{ exitCode: ExitCode.ServiceUnavailable, code: 'SERVICE_UNREACHABLE', message },
    cause: error,
  });
  return { error: failed, isRetryable: !isCertificate };
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
