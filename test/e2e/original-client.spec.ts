import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { connectTable, loadTable } from '../../apps/local/src/load-table';
import { EXAMPLE_QUERY, generateSampleData } from '../../apps/local/src/sample-data';
import { checkedFetch, checkedOperatorFetch } from '../support/checked-fetch';
import { followLocation } from '../support/conversation';
import { OriginalClient } from '../support/original-client';
import type { ServiceProcess } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';

const { count } = EXAMPLE_QUERY;
const [START, END] = ['10/10/2021', '10/12/2021'];
const UNKNOWN_ID = '0123456789abcdef0123456789abcdef';

let system: System;
let api: ServiceProcess;
let frontEnd: TcpProxy;
/** The address that clients already use, behind which the service was replaced. */
let origin: string;
let client: OriginalClient;
const table = connectTable(inject('tableConnectionString'), 'original');

beforeAll(async () => {
  // The API needs its public URL before it has a port.
  const target = { host: '127.0.0.1', port: 0 };
  frontEnd = await startTcpProxy(target);
  origin = `http://127.0.0.1:${frontEnd.port}`;
  await loadTable(table, generateSampleData());
  system = await startSystem({
    apiEnv: { PUBLIC_BASE_URL: origin },
    workerEnv: { TABLE_CONNECTION_STRING: inject('tableConnectionString'), TABLE_NAME: 'original' },
    workers: 1,
  });
  ({ api } = system);
  target.port = Number(new URL(api.url).port);
  client = new OriginalClient(origin);
});

afterAll(async () => {
  await frontEnd.stop();
  await system.stop();
});

describe('a client of the original', () => {
  it.each(['GET', 'POST'] as const)(
    'submits by %s, polls statusUri at its own interval, and reads the count',
    async (method) => {
      const statusUri = await client.submit(START, END, method);
      expect(statusUri).toMatch(new RegExp(`^${origin}/api/status/[0-9a-f]{32}$`));
      const id = statusUri.split('/').at(-1);
      expect(await client.waitForEnd(statusUri)).toEqual({ id, status: 'Completed', result: count });
    },
  );

  it('gets the original’s texts for invalid dates, checked in the same order', async () => {
    await expect(client.submit('', '')).rejects.toThrow(/^Empty start date\.$/);
    await expect(client.submit('xyz', 'abcd')).rejects.toThrow(/^Invalid start date format\.$/);
    await expect(client.submit(START, '')).rejects.toThrow(/^Empty end date\.$/);
    await expect(client.submit(START, 'abcd')).rejects.toThrow(/^Invalid end date format\.$/);
    await expect(client.submit(END, START)).rejects.toThrow(/^Invalid date range\.$/);
    await expect(client.submit(START, START)).rejects.toThrow(/^Invalid date range\.$/);
  });

  it('gets 404 as text for an unknown job', async () => {
    await expect(client.read(`${origin}/api/status/${UNKNOWN_ID}`)).rejects.toThrow(/^Job not found$/);
    const answer = await checkedFetch(`${origin}/api/status/${UNKNOWN_ID}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'text/plain']);
  });

  it('may send a function key, which the service ignores', async () => {
    const headers = { 'x-functions-key': 'of-the-function-app' };
    const url = `${origin}/api/submit/query?code=of-the-function-app&s=${START}&e=${END}`;
    const answer = await checkedFetch(url, { headers });
    expect([answer.status, Object.keys((await answer.json()) as object)]).toEqual([202, ['statusUri']]);
  });

  it('sees that an operator terminated its waiting query', async () => {
    const operate = async (path: string) => {
      const answer = await checkedOperatorFetch(`${api.operatorUrl}/operator/${path}`, { method: 'POST' });
      await answer.arrayBuffer();
      return answer.status;
    };
    expect(await operate('suspend')).toBe(200);
    const statusUri = await client.submit(START, END);
    const id = statusUri.split('/').at(-1) ?? '';
    expect(await client.read(statusUri)).toEqual({ id, status: 'Pending', result: null });
    expect(await operate(`queries/${id}/terminate?reason=not+wanted`)).toBe(202);
    const result = expect.stringMatching(/^QUERY_TERMINATED: (?!.*not wanted)/) as string;
    expect(await client.waitForEnd(statusUri)).toEqual({ id, status: 'Terminated', result });
    expect(await operate('resume')).toBe(200);
  });
});

describe('the original’s routes', () => {
  it('work for clients that follow Location', async () => {
    const answer = await followLocation(`${origin}/api/submit/query?s=${START}&e=${END}`);
    const id = new URL(answer.url).pathname.split('/').at(-1);
    expect([answer.status, await answer.json()]).toEqual([200, { id, status: 'Completed', result: count }]);
  });

  it('answer the documented requests of the original, sent with curl, as the original did', async () => {
    const curl = async (url: string) => {
      const { stdout } = await promisify(execFile)('curl', ['-s', '-w', ' %{http_code}', `${origin}/api/${url}`]);
      return stdout;
    };
    expect(await curl('submit/query')).toBe('{"error":"Empty start date."} 400');
    expect(await curl('submit/query?s=10/08/2021&e=abcd')).toBe('{"error":"Invalid end date format."} 400');
    expect(await curl('submit/query?s=xyz&e=10/08/2021')).toBe('{"error":"Invalid start date format."} 400');
    expect(await curl('submit/query?s=10/08/2021')).toBe('{"error":"Empty end date."} 400');
    expect(await curl('submit/query?s=10/08/2021&e=05/08/2021')).toBe('{"error":"Invalid date range."} 400');
    expect(await curl('submit/query?s=10/10/2021&e=10/12/2021')).toMatch(/^\{"statusUri":"[^"]+"\} 202$/);
    expect(await curl(`status/${UNKNOWN_ID}`)).toBe('Job not found 404');
  });

  // The last test, since it deletes the table.
  it('return the code of a failure in the status', async () => {
    await table.deleteTable();
    const statusUri = await client.submit(START, END);
    const result = expect.stringMatching(/^TABLE_NOT_FOUND: /) as string;
    const id = statusUri.split('/').at(-1);
    expect(await client.waitForEnd(statusUri)).toEqual({ id, status: 'Failed', result });
  });
});
