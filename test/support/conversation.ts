import { checkedFetch } from './checked-fetch';

/** A client that knows nothing but: follow `Location`, wait `Retry-After`, stop at anything but 202. */
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

/** A submission of days, as `fetch` takes it. */
export function toSubmission(range: { start: string; end: string; maxAgeSeconds?: number }): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(range) };
}

function waitSeconds(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}
