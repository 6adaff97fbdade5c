/** Loopback by name or address, with any port. */
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Whether a request's `Host` names this machine. A site can let its name point to loopback (DNS rebinding), and its page is then
 * of the same origin as a listener there: one that asks for no credential refuses every other name.
 */
export function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && LOOPBACK_HOST.test(host);
}
