/**
 * What has to be sent with the page, `Content-Security-Policy` among it.
 *
 * @param nonce Base64 of at least 128 random bits, new for every answer.
 */
export function toStatusPageHeaders(nonce: string) {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': toStatusPagePolicy(nonce),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
  };
}

/** The page loads nothing, sends nothing, is framed by nobody, and asks its own origin alone for news. */
export function toStatusPagePolicy(nonce: string): string {
  return [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    `connect-src 'self'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
  ].join('; ');
}
