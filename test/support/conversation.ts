import { checkedFetch } from './checked-fetch';
import { waitUntil } from './wait-until';

interface QueryRange {
  start: string;
  end: string;
  maxAgeSeconds?: number;
}

/** The members of a status document that tests read. */
export interface QueryDocument {
  id: string;
  status: string;
  progress: { percent: number; daysDone: number; daysTotal: number; entitiesRead: number };
  result: { count: number; entitiesRead: number; daysScanned: number; daysReused: number } | null;
  error: { code: string; message: string } | null;
}

/** Submits queries and reads them by id, without `Location` and `Retry-After`. */
export class QueryClient {
  constructor(private readonly origin: string) {}

  /** @returns The id of the accepted query. */
  async submit(range: QueryRange, headers: Record<string, string> = {}): Promise<string> {
    const answer = await checkedFetch(`${this.origin}/api/queries`, toSubmission(range, headers));
    if (answer.status !== 202) throw new Error(`a submission was answered ${answer.status}: ${await answer.text()}`);
    return ((await answer.json()) as QueryDocument).id;
  }

  async read(id: string): Promise<QueryDocument> {
    return (await (await checkedFetch(`${this.origin}/api/queries/${id}`)).json()) as QueryDocument;
  }

  waitFor(id: string, what: string, isReached: (document: QueryDocument) => boolean): Promise<QueryDocument> {
    return waitUntil(what, () => this.read(id), isReached, 60_000);
  }

  waitForEnd(id: string): Promise<QueryDocument> {
    return this.waitFor(id, 'the end of the query', hasEnded);
  }

  async terminate(id: string): Promise<Response> {
    return checkedFetch(`${this.origin}/api/queries/${id}`, { method: 'DELETE' });
  }
}

export function hasEnded({ status }: { status: string }): boolean {
  return status !== 'Pending' && status !== 'Running';
}

/** Follows `Location` and waits `Retry-After` seconds until the status is no longer 202. */
export async function followLocation(url: string, init?: RequestInit): Promise<Response> {
  let answer = await checkedFetch(url, init);
  while (answer.status === 202) {
    const location = answer.headers.get('location');
    if (location === null) throw new Error('a 202 without Location');
    await answer.arrayBuffer();
    await waitSeconds(Number(answer.headers.get('retry-after')));
    answer = await checkedFetch(new URL(location, answer.url));
  }
  return answer;
}

/** The options of `fetch` for a submission. */
export function toSubmission(range: QueryRange, headers: Record<string, string> = {}): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(range),
  };
}

function waitSeconds(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}
