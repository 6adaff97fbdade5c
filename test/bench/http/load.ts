import autocannon from 'autocannon';
import { CONNECTIONS, REQUEST } from './http-bench';

const JSON_BODY = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(REQUEST) };

/** Submissions a second. @throws Error when any was not taken. */
export function measureSubmissions(url: string, seconds: number): Promise<number> {
  return measure({ url: `${url}/api/queries`, method: 'POST', ...JSON_BODY }, seconds);
}

/** Answers a second to who asks for the status of each of these in turn. @throws Error when any was not known. */
export function measureStatus(url: string, ids: readonly string[], seconds: number): Promise<number> {
  return measure({ url, requests: ids.map((id) => ({ path: `/api/queries/${id}` })) }, seconds);
}

/** Submits so many, one after the other, and returns their ids. */
export async function submitMany(url: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const answer = await fetch(`${url}/api/queries`, { method: 'POST', ...JSON_BODY });
    if (answer.status !== 202) throw new Error(`a submission was answered ${answer.status}: ${await answer.text()}`);
    ids.push(((await answer.json()) as { id: string }).id);
  }
  return ids;
}

async function measure(options: autocannon.Options, seconds: number): Promise<number> {
  const result = await autocannon({ ...options, connections: CONNECTIONS, duration: seconds });
  const { errors, timeouts, non2xx } = result;
  if (errors + timeouts + non2xx > 0) {
    throw new Error(`${options.url}: ${errors} errors, ${timeouts} time-outs, ${non2xx} answers beyond 2xx`);
  }
  return result['2xx'] / result.duration;
}
