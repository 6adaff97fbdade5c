/** What a query can be: the five runtime statuses of Durable Functions, so that its clients need no change. */
export const QueryStatus = {
  Pending: 'Pending',
  Running: 'Running',
  Completed: 'Completed',
  Failed: 'Failed',
  Terminated: 'Terminated',
} as const;
export type QueryStatus = (typeof QueryStatus)[keyof typeof QueryStatus];

/** The statuses that a query never leaves. */
export const TERMINAL_STATUSES = [QueryStatus.Completed, QueryStatus.Failed, QueryStatus.Terminated] as const;
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number];

export function isTerminal(status: QueryStatus): status is TerminalStatus {
  return (TERMINAL_STATUSES as readonly QueryStatus[]).includes(status);
}
