import { ALL_ERRORS } from '#shared/contract/error-codes';

/** Members of data, progress and options that are days, numbers, times or ids of ours; all others are left out. */
const SAFE_MEMBERS: ReadonlySet<string> = new Set([
  // The request of a query and of a purge.
  ...['version', 'request', 'start', 'end', 'maxAgeSeconds', 'freshAsOf', 'status', 'createdBefore'],
  // Progress.
  ...['percent', 'daysTotal', 'daysDone', 'daysReused', 'entitiesRead', 'etaSeconds', 'atLeast', 'startedAt', 'ended'],
  ...['looked', 'purged', 'after', 'createdAt', 'id'],
  // BullMQ's options.
  ...['attempts', 'backoff', 'type', 'delay', 'timestamp', 'jobId', 'removeOnComplete', 'removeOnFail', 'age'],
]);

/** Besides those of the table: what ends a run for reasons of the queue alone. */
const SAFE_REASONS: ReadonlySet<string> = new Set([
  ...Object.keys(ALL_ERRORS),
  ...['UNEXPECTED', 'LOCK_LOST', 'NO_SIGNAL', 'PURGE_INVALID'],
  ...['job stalled more than allowable limit', 'job started more than allowable limit'],
]);

const HIDDEN = '(not shown)';

/** A text that could be anything is longer, or has other characters, than a day, a status or an id. */
const SAFE_TEXT = /^[A-Za-z0-9:.-]{1,40}$/;

/** What may be shown of a job: what is not known to be safe is not there. */
export function redactJob<T extends object>(job: T): T {
  const { data, progress, opts, failedReason, name } = job as Record<string, unknown>;
  return {
    ...job,
    name: redactValue(name),
    data: redactValue(data),
    progress: redactValue(progress),
    opts: redactValue(opts),
    returnvalue: null,
    stacktrace: [],
    ...(failedReason
      ? { failedReason: typeof failedReason === 'string' && SAFE_REASONS.has(failedReason) ? failedReason : HIDDEN }
      : {}),
    ...('deferredFailure' in job ? { deferredFailure: undefined } : {}),
  };
}

function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return SAFE_TEXT.test(value) ? value : HIDDEN;
  if (typeof value !== 'object' || value === null) return value;
  const safe = Object.entries(value).filter(([name]) => SAFE_MEMBERS.has(name));
  return Object.fromEntries(safe.map(([name, member]) => [name, redactValue(member)] as const));
}
