/** The addresses that only this machine reaches, as a listener or a URL without brackets names them. */
export const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

/** Loopback by name or address, with any port. */
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Whether a request's `Host` names this machine. A site can let its name point to loopback (DNS rebinding), and its page then
 * has the same origin as a listener there: a listener that asks for no credential rejects every other name.
 */
export function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && LOOPBACK_HOST.test(host);
}

/**
 * Whether a URL names a stand-in for a service on this machine, outside of production. Only then may the connection to a
 * vault use plain http, or the vault lie in another domain than its challenge names.
 */
export function isLocalTrial(url: string, nodeEnv: string): boolean {
  return nodeEnv !== 'production' && URL.canParse(url) && LOOPBACK.has(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}

/** Whether a vault may be reached by this URL: https, or the http of a stand-in. */
export function isSafeUrl(url: string, nodeEnv: string): boolean {
  return URL.canParse(url) && (new URL(url).protocol === 'https:' || isLocalTrial(url, nodeEnv));
}
