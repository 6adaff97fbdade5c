import type { QueryProgress } from '../contract/query-document';
import { readRecord } from './unreadable-record';

/** What the worker keeps in the `progress` of BullMQ's job hash. */
export interface JobProgress extends Partial<QueryProgress> {
  /** When a worker first began the query: milliseconds since 1970 by Redis' clock. Its presence means Running. */
  startedAt?: number;
  /** The outcome was written. Where it is set and there is no outcome, the outcome has expired. */
  ended?: true;
}

/**
 * Reads the member of the job hash; BullMQ writes `0` for a job that has made none. One that cannot be read is none either:
 * it decides nothing, and the next report replaces it.
 */
export function readJobProgress(text: string | null | undefined, key: string): JobProgress {
  const value = text ? readRecord(key, text, (json) => JSON.parse(json) as unknown) : undefined;
  return typeof value === 'object' && value !== null ? value : {};
}
