const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

/**
 * Whether a service is a stand-in on this very machine, outside of production. Nothing else may loosen what protects
 * the way to a vault: plain http, or a vault that lies in another domain than the one that its challenge names.
 */
export function isLocalTrial(url: string, nodeEnv: string): boolean {
  return nodeEnv !== 'production' && URL.canParse(url) && LOOPBACK.has(new URL(url).hostname);
}
