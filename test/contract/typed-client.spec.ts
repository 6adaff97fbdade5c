import { randomUUID } from 'node:crypto';
import createClient from 'openapi-fetch';
import { afterAll, beforeAll, describe, expect, expectTypeOf, inject, it } from 'vitest';
import type { toQueryDocument } from '../../apps/api/src/queue/query-document';
import { connectTable, loadTable } from '../../apps/local/src/load-table';
import { EXAMPLE_QUERY, generateSampleData } from '../../apps/local/src/sample-data';
import type { QueryRequest } from '#shared/contract/query-request';
import { checkedFetch } from '../support/checked-fetch';
import type { components, paths } from '../../apps/cli/src/service/openapi-client';
import { type ServiceProcess, startApi, startWorker, waitUntilReady } from '../support/service-processes';

type Schemas = components['schemas'];

const { start, end, count } = EXAMPLE_QUERY;

let api: ServiceProcess;
let worker: ServiceProcess;

beforeAll(async () => {
  const common = { REDIS_URL: inject('redisUrl'), KEY_PREFIX: `{t-${randomUUID()}}` };
  const table = { TABLE_CONNECTION_STRING: inject('tableConnectionString'), TABLE_NAME: 'typedclient' };
  await loadTable(connectTable(table.TABLE_CONNECTION_STRING, table.TABLE_NAME), generateSampleData());
  [api, worker] = await Promise.all([startApi(common), startWorker({ ...common, ...table })]);
  await Promise.all([waitUntilReady(api), waitUntilReady(worker)]);
});

afterAll(async () => {
  expect(await Promise.all([api.end(), worker.end()])).toEqual([0, 0]);
});

describe('a client that knows openapi.json alone', () => {
  const connect = () => createClient<paths>({ baseUrl: api.url, fetch: checkedFetch });

  it('submits, follows, and reads the answer', async () => {
    const client = connect();
    const submitted = await client.POST('/api/queries', { body: { start, end } });
    const id = submitted.data?.id ?? '';
    const follow = () => client.GET('/api/queries/{id}/result', { params: { path: { id }, query: { wait: 30 } } });
    let answer = await follow();
    while (answer.response.status === 202) answer = await follow();
    expect([answer.response.status, answer.data?.status, answer.data?.result?.count]).toEqual([
      200,
      'Completed',
      count,
    ]);
    const status = await client.GET('/api/queries/{id}', { params: { path: { id } } });
    expect(status.data).toEqual(answer.data);
    const list = await client.GET('/api/queries', { params: { query: { status: 'Completed', pageSize: 100 } } });
    expect(list.data?.items).toContainEqual(answer.data);
  });

  it('is held back until the answer is there', async () => {
    const header = { Prefer: 'wait=30', 'Idempotency-Key': randomUUID() };
    const answer = await connect().POST('/api/queries', { params: { header }, body: { start, end, maxAgeSeconds: 0 } });
    expect([answer.response.status, answer.data?.result?.count]).toEqual([200, count]);
  });

  it('hears of the end by the stream', async () => {
    const client = connect();
    const { data } = await client.POST('/api/queries', { body: { start, end } });
    const path = { id: data?.id ?? '' };
    const stream = await client.GET('/api/queries/{id}/events', { params: { path }, parseAs: 'text' });
    const last = /^event: end\nid: .+\ndata: (.+)$/m.exec(stream.data ?? '')?.[1] ?? '{}';
    expect((JSON.parse(last) as Schemas['Query']).result?.count).toBe(count);
  });

  it('terminates, and learns the code by which there is no result', async () => {
    const client = connect();
    // No worker has ever so long a range done by the time of the next request.
    const { data } = await client.POST('/api/queries', { body: { start: '2021-01-01', end: '2021-12-31' } });
    const params = { path: { id: data?.id ?? '' } };
    const ended = await client.DELETE('/api/queries/{id}', { params });
    expect(ended.data?.status).toBe('Terminated');
    const { error, response } = await client.GET('/api/queries/{id}/result', { params });
    expect([response.status, error?.code]).toEqual([409, 'QUERY_TERMINATED']);
  });

  it('cannot send or read what is not documented', () => {
    const client = connect();
    // @ts-expect-error A submission has an end.
    const withoutEnd = () => client.POST('/api/queries', { body: { start } });
    // @ts-expect-error There is no such status.
    const badFilter = () => client.GET('/api/queries', { params: { query: { status: 'Cancelled' } } });
    expect([withoutEnd, badFilter]).toHaveLength(2);
  });
});

describe('the documented types', () => {
  it('are those of the code', () => {
    type OfCode = ReturnType<typeof toQueryDocument>;
    // A day is a text on the wire, and more than that in the code.
    expectTypeOf<OfCode>().toExtend<Schemas['Query']>();
    expectTypeOf<QueryRequest>().toExtend<Schemas['QueryRequest']>();
    expectTypeOf<Omit<Schemas['Query'], 'request'>>().toExtend<Omit<OfCode, 'request'>>();
    expectTypeOf<keyof Schemas['QueryRequest']>().toEqualTypeOf<keyof QueryRequest>();
  });
});
