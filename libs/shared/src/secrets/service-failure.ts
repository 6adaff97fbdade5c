import { readRetryAfterMs } from '../http/read-retry-after-ms';

/** What an error of Azure's libraries says about the service behind it; which of it there is differs from one to the other. */
export interface ServiceFailure {
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

export function readServiceFailure(error: unknown): ServiceFailure {
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
