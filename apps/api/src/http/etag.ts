import { hash } from 'node:crypto';

/** A strong validator (RFC 9110, 8.8.3) of a body: another body has another one. */
export function toETag(body: string): string {
  return `"${hash('sha1', body, 'base64url')}"`;
}

/** Whether `If-None-Match` (RFC 9110, 13.1.2) names this validator; the comparison is weak. */
export function isNamedBy(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
}
