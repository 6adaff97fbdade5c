import type { RunVerdict } from '#shared/redis/query-runs';

/** The run has no business any more: its query has an outcome, or another run has taken its place. */
export class RunStoppedError extends Error {
  override readonly name = 'RunStoppedError';
  readonly code: 'QUERY_TERMINATED' | 'LOCK_LOST';

  constructor(verdict: Exclude<RunVerdict, 'go on'>) {
    super(`the run was stopped: ${verdict}`);
    this.code = verdict === 'ended' ? 'QUERY_TERMINATED' : 'LOCK_LOST';
  }
}
