import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CONNECTIONS, REQUEST } from './http-bench';

const BODY = JSON.stringify(REQUEST);

/** tsc leaves it where it is. */
const SCRIPT = join(__dirname, '../../../../test/bench/http/load.lua');

/** Submissions a second. @throws Error when any was not taken. */
export function measureSubmissions(url: string, seconds: number): Promise<number> {
  return measure(url, seconds, ['POST', BODY, '/api/queries']);
}

/** Answers a second to who asks for the status of each of these in turn. @throws Error when any was not known. */
export function measureStatus(url: string, ids: readonly string[], seconds: number): Promise<number> {
  return measure(url, seconds, ['GET', '', ...ids.map((id) => `/api/queries/${id}`)]);
}

/** Submits so many, one after the other, and returns their ids. */
export async function submitMany(url: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const answer = await fetch(`${url}/api/queries`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: BODY,
    });
    if (answer.status !== 202) throw new Error(`a submission was answered ${answer.status}: ${await answer.text()}`);
    ids.push(((await answer.json()) as { id: string }).id);
  }
  return ids;
}

/** wrk, which takes a tenth of what it measures: one written in JavaScript would be the slower end on two cores. */
async function measure(url: string, seconds: number, args: string[]): Promise<number> {
  const options = ['-t', '1', '-c', String(CONNECTIONS), '-d', `${seconds}s`, '-s', SCRIPT];
  const { stdout } = await promisify(execFile)('wrk', [...options, url, '--', ...args]);
  const [answers = NaN, microseconds = NaN, failures = NaN] = (stdout.trim().split('\n').at(-1) ?? '')
    .split(' ')
    .map(Number);
  if (failures !== 0) throw new Error(`${url}: ${failures} of ${answers} answers failed:\n${stdout}`);
  return (answers * 1_000_000) / microseconds;
}
