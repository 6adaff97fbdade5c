import { CommandFailedError } from '../command-failed-error';
import { ExitCode } from '../exit-code';
import type { Refusal } from './to-service-error';

/** What no patience mends: whoever answers cannot prove to be the host of the URL. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS|ERR_SSL/;

/** Of a connection that was never made: nothing was sent. */
const UNCONNECTED = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'],
]);

/** @param error What `fetch` or the reading of a body threw. */
export function toNetworkError(error: unknown, host: string): Refusal {
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
  return { error: failed, isRetryable: !isCertificate, mayBeDone: !isCertificate && !isUnconnected };
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
