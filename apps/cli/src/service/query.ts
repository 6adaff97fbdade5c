import type { components } from './openapi-client';

/** The status document. */
export type Query = components['schemas']['Query'];

export type QueryPage = components['schemas']['QueryPage'];

/** The statuses, for the list's filter. */
export const STATUSES = [
  'Pending',
  'Running',
  'Completed',
  'Failed',
  'Terminated',
] as const satisfies Query['status'][];

/** Whether it will never change again. */
export function isOver({ status }: Query): boolean {
  return status !== 'Pending' && status !== 'Running';
}
