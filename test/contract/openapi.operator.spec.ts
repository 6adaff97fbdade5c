import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, expectTypeOf, inject, it } from 'vitest';
import { ALL_ERRORS, OPERATOR_ERROR_TABLE } from '#shared/contract/error-codes';
import { Metrics } from '#shared/process/metrics';
import { createOperatorDocument } from '../../apps/api/src/openapi/operator-document';
import type { OPERATOR_MEMBERS } from '../../apps/api/src/openapi/operator-schemas';
import type {
  toListItem,
  toOperatorQueryDocument,
} from '../../apps/api/src/operator/management/operator-query-document';
import type { PurgeDocument } from '../../apps/api/src/operator/management/purges';
import type { toAuditDocument, toWorkerDocument } from '../../apps/api/src/operator/management/service.controller';
import { checkedOperatorFetch } from '../support/checked-fetch';
import { listPaths } from '../support/list-paths';
import { type OperatorListener, startOperatorListener } from '../support/operator-listener';
import { type PublicListener, startPublicListener } from '../support/public-listener';

const UNKNOWN = '0123456789abcdef0123456789abcdef';

let operator: OperatorListener;
let callers: PublicListener;

beforeAll(async () => {
  const env = { KEY_PREFIX: `{t-${randomUUID()}}` };
  [operator, callers] = await Promise.all([
    startOperatorListener(inject('redisUrl'), env, new Metrics('api')),
    startPublicListener(inject('redisUrl'), env),
  ]);
});
afterAll(() => Promise.all([operator.stop(), callers.stop()]));

describe('openapi.operator.json', () => {
  it('is what the code says: after a change, run `npm run openapi`', async () => {
    const committed = JSON.parse(readFileSync('openapi.operator.json', 'utf8')) as unknown;
    expect(createOperatorDocument(operator.app)).toEqual(committed);
    expect(await (await checkedOperatorFetch(`${operator.url}/operator/openapi.json`)).json()).toEqual(committed);
  });

  it('has the routes that there are, but for the dashboard, with the methods that they have', async () => {
    const { paths } = createOperatorDocument(operator.app);
    const own = listPaths(operator.app).filter((path) => !/^\/(queues|metrics)/.test(path));
    expect(Object.keys(paths).sort()).toEqual(own.sort());
    for (const [path, item] of Object.entries(paths)) {
      const url = operator.url + path.replace('{id}', UNKNOWN);
      const answer = await checkedOperatorFetch(url, { method: 'OPTIONS' });
      const methods = Object.keys(item).filter((member) => !member.startsWith('x-'));
      const allowed = (answer.headers.get('allow') ?? '').toLowerCase().split(', ');
      expect([path, allowed.filter((method) => method !== 'head').sort()]).toEqual([path, methods.sort()]);
    }
  });

  it('has every code that is for operators alone, and explains each where a problem says so', async () => {
    const { components } = createOperatorDocument(operator.app);
    const codes = Object.values(components?.responses ?? {}).flatMap(
      (answer) => (answer as { 'x-codes'?: string[] })['x-codes'] ?? [],
    );
    expect(codes).toEqual(expect.arrayContaining(Object.keys(OPERATOR_ERROR_TABLE)));
    expect(Object.keys(components?.examples ?? {}).sort()).toEqual([...new Set(codes)].sort());
    const answer = await checkedOperatorFetch(`${operator.url}/operator/purges/${UNKNOWN}`);
    const { type } = (await answer.json()) as { type: string };
    const [path = '', pointer = ''] = type.split('#/');
    const found = pointer
      .split('/')
      .reduce<unknown>(
        (value, step) => (value as Record<string, unknown>)[step],
        await (await checkedOperatorFetch(operator.url + path)).json(),
      );
    expect(found).toMatchObject({ value: { code: 'PURGE_NOT_FOUND', title: ALL_ERRORS.PURGE_NOT_FOUND.title } });
  });
});

describe('the documented members', () => {
  it('are those of the code', () => {
    type Documented = typeof OPERATOR_MEMBERS;
    expectTypeOf<keyof Documented['QuerySummary']>().toEqualTypeOf<keyof ReturnType<typeof toListItem>>();
    expectTypeOf<keyof Documented['Query']>().toEqualTypeOf<keyof ReturnType<typeof toOperatorQueryDocument>>();
    expectTypeOf<keyof Documented['QueryLinks']>().toEqualTypeOf<keyof ReturnType<typeof toListItem>['links']>();
    expectTypeOf<keyof Documented['Purge']>().toEqualTypeOf<keyof PurgeDocument>();
    expectTypeOf<keyof Documented['Worker']>().toEqualTypeOf<keyof ReturnType<typeof toWorkerDocument>>();
    expectTypeOf<keyof Documented['AuditEntry']>().toEqualTypeOf<keyof ReturnType<typeof toAuditDocument>>();
  });
});

describe('the two listeners', () => {
  it('have these routes, beside the dashboard’s own', () => {
    const own = listPaths(operator.app).filter((path) => !path.startsWith('/queues/'));
    expect({ callers: listPaths(callers.app).sort(), operators: own.sort() }).toEqual({
      callers: [
        ...['/api/docs', '/api/openapi.json', '/api/queries', '/api/queries/{id}', '/api/queries/{id}/events'],
        ...['/api/queries/{id}/result', '/api/status/{id}', '/api/submit/query', '/health/live', '/health/ready'],
      ],
      operators: [
        ...['/metrics', '/operator/audit', '/operator/openapi.json', '/operator/purges/{id}', '/operator/queries'],
        ...['/operator/queries/{id}', '/operator/queries/{id}/restart', '/operator/queries/{id}/rewind'],
        ...['/operator/queries/{id}/terminate', '/operator/resume', '/operator/state', '/operator/suspend'],
        ...['/operator/workers', '/queues'],
      ],
    });
  });

  it('have no route of each other’s', () => {
    const [theirs, ours] = [new Set(listPaths(callers.app)), listPaths(operator.app)];
    expect(ours.filter((path) => theirs.has(path))).toEqual([]);
    expect(ours.filter((path) => !/^\/(operator|queues|metrics)(\/|$)/.test(path))).toEqual([]);
    expect([...theirs].filter((path) => !/^\/(api|health)(\/|$)/.test(path))).toEqual([]);
  });

  it('do not answer to each other’s paths', async () => {
    const fill = (path: string) => path.replace(/\{\w+\}/g, UNKNOWN);
    for (const path of listPaths(callers.app)) {
      expect([path, (await fetch(operator.url + fill(path))).status]).toEqual([path, 404]);
    }
    for (const path of listPaths(operator.app)) {
      expect([path, (await fetch(callers.url + fill(path))).status]).toEqual([path, 404]);
    }
  });
});
