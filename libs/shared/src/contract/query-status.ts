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
export type TerminalStatus = 'Completed' | 'Failed' | 'Terminated';

export function isTerminal(status: QueryStatus): status is TerminalStatus {
  return status !== QueryStatus.Pending && status !== QueryStatus.Running;
}
