import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { redactJob } from './redact-job';

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

  /** Nobody writes any; whatever is there is not ours. */
  override async getJobLogs(): Promise<string[]> {
    return [];
  }
}

function redact(job: ShownJob): ShownJob {
  const whole = job.toJSON();
  // The job stays what it is for those who act on it; only what it shows of itself is another.
  return Object.assign(job, { toJSON: () => redactJob(whole) });
}
