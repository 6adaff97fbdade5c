/** 32 lower-case hex digits that are not all decimal: BullMQ takes an all-decimal id for one of its own. */
export const QUERY_ID = /^(?!\d{32}$)[0-9a-f]{32}$/;

export function isQueryId(text: string): boolean {
  return QUERY_ID.test(text);
}
