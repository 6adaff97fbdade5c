import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ServiceError } from './service-error';

/** The account of Azure's emulators with its published key, which is no secret. */
export const DEVELOPMENT_ACCOUNT = 'devstoreaccount1';
export const DEVELOPMENT_KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** The service refuses a signed request whose date differs by more than this from its clock. */
const MAX_CLOCK_SKEW_MS = 15 * 60_000;

/**
 * Throws AuthenticationFailed unless the request is signed with one of the keys (base64, as in a connection string).
 * Format: learn.microsoft.com, "Authorize with Shared Key", the sections on the Table service.
 */
export function verifySharedKey(
  request: IncomingMessage,
  accountKeys: readonly string[],
  nowMs: number = Date.now(),
): void {
  const { headers } = request;
  const date = String(headers['x-ms-date'] ?? headers.date ?? '');
  // The comparison with NaN, for a missing or malformed date, is false.
  if (!(Math.abs(nowMs - Date.parse(date)) <= MAX_CLOCK_SKEW_MS)) {
    throw new ServiceError('AuthenticationFailed', 'the date is missing or too far off');
  }
  const [path, query] = (request.url ?? '').split('?');
  const comp = new URLSearchParams(query).get('comp');
  const resource = `/${DEVELOPMENT_ACCOUNT}${path}${comp === null ? '' : `?comp=${comp}`}`;
  const signed = {
    SharedKeyLite: [date, resource],
    SharedKey: [request.method, headers['content-md5'] ?? '', headers['content-type'] ?? '', date, resource],
  };
  const [scheme, signature] = (headers.authorization ?? '').split(` ${DEVELOPMENT_ACCOUNT}:`);
  if (scheme !== 'SharedKey' && scheme !== 'SharedKeyLite') {
    throw new ServiceError('AuthenticationFailed', 'no shared key signature of this account');
  }
  const text = signed[scheme].join('\n');
  if (!accountKeys.some((key) => sign(text, key) === signature)) throw new ServiceError('AuthenticationFailed');
}

function sign(text: string, accountKey: string): string {
  return createHmac('sha256', Buffer.from(accountKey, 'base64')).update(text, 'utf8').digest('base64');
}
