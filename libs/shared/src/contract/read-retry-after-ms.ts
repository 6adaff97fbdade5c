/** The header's value (RFC 9110, 10.2.3: seconds or a date) as milliseconds from now, not capped; undefined where it is neither. */
export function readRetryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
