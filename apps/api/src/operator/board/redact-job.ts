import { ALL_ERRORS } from '#shared/contract/error-codes';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';

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

type Adapter = InstanceType<typeof BullMQAdapter>;
type ShownJob = NonNullable<Awaited<ReturnType<Adapter['getJob']>>>;

/** A queue as the dashboard may show it: all that it reads of a job goes through {@link redactJob}. */
export class RedactedQueueAdapter extends BullMQAdapter {
  override async getJob(id: string): ReturnType<Adapter['getJob']> {
    const job = await super.getJob(id);
    return job && redact(job);
  }

  override async getJobs(...args: Parameters<Adapter['getJobs']>): ReturnType<Adapter['getJobs']> {
    return (await super.getJobs(...args)).map(redact);
  }

  /** The service writes none; anything there is foreign. */
  override async getJobLogs(): Promise<string[]> {
    return [];
  }
}

function redact(job: ShownJob): ShownJob {
  const whole = job.toJSON();
  // The job stays what it is for those who act on it; only what it shows of itself is another.
  return Object.assign(job, { toJSON: () => redactJob(whole) });
}
