import { setTimeout as delay } from 'node:timers/promises';
import { checkedFetch } from './checked-fetch';

/** What the original's status route tells. */
export interface OriginalJob {
  id: string;
  status: string;
  result: number | string | null;
}

const ENDED = ['Completed', 'Failed', 'Terminated'];

/**
 * A client as it was written for the Durable Functions service: it knows `statusUri`, the three members of a status and an
 * interval of its own; neither `Location` nor `Retry-After`, and of status codes no more than good and bad.
 */
export class OriginalClient {
  constructor(
    private readonly origin: string,
    private readonly intervalMs = 100,
  ) {}

  /** @returns Where the status is. @throws Error with the service's own text. */
  async submit(s: string, e: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
    const answer = await checkedFetch(`${this.origin}/api/submit/query?s=${s}&e=${e}`, { method });
    const body = (await answer.json()) as { statusUri: string; error: string };
    if (!answer.ok) throw new Error(body.error);
    return body.statusUri;
  }

  /** @throws Error with the service's own text, as for an id that it does not know. */
  async read(statusUri: string): Promise<OriginalJob> {
    const answer = await checkedFetch(statusUri);
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as OriginalJob;
  }

  async waitForEnd(statusUri: string): Promise<OriginalJob> {
    for (;;) {
      const job = await this.read(statusUri);
      if (ENDED.includes(job.status)) return job;
      await delay(this.intervalMs);
    }
  }
}
