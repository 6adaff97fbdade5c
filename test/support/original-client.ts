import { setTimeout as delay } from 'node:timers/promises';
import { checkedFetch } from './checked-fetch';

/** The body of the original's status route. */
export interface OriginalJob {
  id: string;
  status: string;
  result: number | string | null;
}

const ENDED = ['Completed', 'Failed', 'Terminated'];

/**
 * A client as written for the Durable Functions service: it uses `statusUri`, the three members of a status and its own
 * interval. It ignores `Location`, `Retry-After` and the exact status code.
 */
export class OriginalClient {
  constructor(
    private readonly origin: string,
    private readonly intervalMs = 100,
  ) {}

  /** @returns The URL of the status. @throws Error with the text of the service. */
  async submit(s: string, e: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
    const answer = await checkedFetch(`${this.origin}/api/submit/query?s=${s}&e=${e}`, { method });
    const body = (await answer.json()) as { statusUri: string; error: string };
    if (!answer.ok) throw new Error(body.error);
    return body.statusUri;
  }

  /** @throws Error with the text of the service, for example for an unknown id. */
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
