import { describe, expect, it } from 'vitest';
import { type Fault, type FaultRule, FaultScript } from '../support/table-double/fault-rules';
import { generateDays } from '../support/table-double/generated-table';
import { onStage, PAGE_LATENCY } from './harness/on-stage';
import { profile } from './harness/profile';

const RANGE = { start: '2021-10-01', end: '2021-10-06' };
const rows = { partitions: generateDays(RANGE.start, 6, 4_000), distinctIdentifiers: 9_000, withoutIdentifier: 0.01 };

/** Faults of the double, and the codes with which a query may fail if every request has the fault. */
const FAULTS: [name: string, fault: Fault, codes: string[]][] = [
  ['503', { kind: 'status', status: 503 }, ['TABLE_THROTTLED']],
  ['503 with Retry-After', { kind: 'status', status: 503, retryAfterSeconds: 1 }, ['TABLE_THROTTLED']],
  ['429', { kind: 'status', status: 429 }, ['TABLE_THROTTLED']],
  ['500', { kind: 'status', status: 500 }, ['TABLE_UNREACHABLE', 'TABLE_THROTTLED']],
  ['408', { kind: 'status', status: 408 }, ['TABLE_UNREACHABLE']],
  ['403', { kind: 'status', status: 403 }, ['TABLE_FORBIDDEN']],
  ['400', { kind: 'status', status: 400 }, ['TABLE_PROTOCOL']],
  ['a reset', { kind: 'reset' }, ['TABLE_UNREACHABLE']],
  ['silence', { kind: 'hang' }, ['TABLE_UNREACHABLE']],
  ['a cut reply', { kind: 'cut-body' }, ['TABLE_UNREACHABLE', 'TABLE_PROTOCOL']],
  ['a slow reply', { kind: 'drip' }, ['TABLE_UNREACHABLE']],
  ['a page of a proxy', { kind: 'html' }, ['TABLE_PROTOCOL']],
  ['an empty reply', { kind: 'empty-body' }, ['TABLE_PROTOCOL']],
  ['an empty object', { kind: 'empty-object' }, ['TABLE_PROTOCOL']],
  ['another shape', { kind: 'wrong-shape' }, ['TABLE_PROTOCOL']],
  ['a token that repeats', { kind: 'repeat-token' }, ['TABLE_PROTOCOL']],
];

/** Behaviour that a correct service may have. */
const HARMLESS: [name: string, fault: Fault][] = [
  ['late replies', { kind: 'latency', ms: 20, jitterMs: 100 }],
  ['pages that end with their partition', { kind: 'partition-boundary' }],
  ['short pages', { kind: 'short-page' }],
];

/**
 * No answer takes longest: six days share two requests at a time, so that a page waits for two other pairs before its
 * retry, and at the end the requests in flight reach their limit too.
 */
const FAILS_WITHIN_MS = 5 * profile.pageTimeoutSeconds * 1_000 + 12_000;

/** Faults that fail a query at once, without a retry. */
const FATAL = new Set(['403', '400', 'a token that repeats']);

/** Each of six days has at least four pages, three of them with a token. */
const LEAST_REQUESTS = 18;

/** A seed with which the rule hits two of the certain requests: one of them may be a readiness check. */
function findSeed(rule: FaultRule, first: number): number {
  for (let seed = first; ; seed += 1) {
    const script = new FaultScript([rule], seed);
    const plans = Array.from({ length: LEAST_REQUESTS }, () => script.next(null, 1_000, true));
    if (plans.filter(({ kinds }) => kinds.length > 0).length >= 2) return seed;
  }
}

const FAILS = { mayFailAs: FAULTS.flatMap(([, , codes]) => codes) };
const LIMITED = { mayFailAs: ['QUERY_TIME_LIMIT'] };

const LIMIT_SECONDS = 5;
/** Time to abort the requests in flight and to publish, on a busy machine. */
const ENDS_WITHIN_MS = 2_000;

describe('fault 12: the table fails', () => {
  it.each([0.01, 0.2])('on %d of the requests, with each fault: exact, or Failed with the right code', (probability) =>
    onStage({ rows, env: { SCAN_CONCURRENCY: '8', PAGE_RETRY_SECONDS: '20' }, check: FAILS }, async (stage) => {
      for (const [i, [name, fault, codes]] of FAULTS.entries()) {
        const rule = { fault, probability };
        // One seed each: with the same seed all faults would hit the same requests.
        await stage.double.configure({ faults: [rule], faultSeed: findSeed(rule, i * 100_000) });
        const before = (await stage.double.requests()).length;
        const document = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(RANGE));
        const requests = (await stage.double.requests()).slice(before);
        const hit = requests.filter(({ day, faults }) => day !== null && faults.length > 0);
        expect([name, hit.length]).toEqual([name, expect.toSatisfy((count: number) => count > 0)]);
        if (!FATAL.has(name)) expect([name, document.status]).toEqual([name, 'Completed']);
        else expect([name, document.error?.code]).toEqual([name, codes[0]]);
      }
    }),
  );

  it('on every request: Failed with the right code, in bounded time', () =>
    onStage({ rows, env: { PAGE_RETRY_SECONDS: '2' }, check: FAILS }, async (stage) => {
      const [caller] = stage.callers;
      for (const [name, fault, codes] of FAULTS) {
        await stage.double.configure({ faults: [{ fault }] });
        const begun = performance.now();
        const document = await stage.waitForEnd(await caller.submitUntilAccepted(RANGE));
        expect([name, document.error?.code]).toEqual([name, expect.stringMatching(`^(${codes.join('|')})$`)]);
        expect(performance.now() - begun).toBeLessThan(FAILS_WITHIN_MS);
      }
    }));

  it.each(HARMLESS)('with behaviour of a correct service (%s): exact', (_name, fault) =>
    onStage({ rows }, async (stage) => {
      await stage.double.configure({ faults: [{ fault }] });
      const document = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(RANGE));
      expect(document.status).toBe('Completed');
    }),
  );

  it('with an empty page in every two: exact', () =>
    onStage({ rows }, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'empty-page' }, probability: 0.5 }] });
      const document = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(RANGE));
      expect(document.status).toBe('Completed');
    }));

  it('with endless empty pages, each with a new token: QUERY_TIME_LIMIT, and no further page', () =>
    onStage({ rows, env: { QUERY_TIME_LIMIT_SECONDS: String(LIMIT_SECONDS) }, check: LIMITED }, async (stage) => {
      await stage.double.configure({ faults: [PAGE_LATENCY, { fault: { kind: 'empty-page' } }] });
      const document = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(RANGE));
      expect(document.error?.code).toBe('QUERY_TIME_LIMIT');
      const tookMs = Date.parse(document.finishedAt ?? '') - Date.parse(document.startedAt ?? '');
      expect(tookMs).toBeGreaterThanOrEqual(LIMIT_SECONDS * 1_000);
      expect(tookMs).toBeLessThan(LIMIT_SECONDS * 1_000 + ENDS_WITHIN_MS);
      // Empty pages are no progress, and no day counts as read.
      expect(document.progress).toMatchObject({ daysDone: 0, entitiesRead: 0 });
      await stage.double.configure({ faults: [PAGE_LATENCY] });
      expect((await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(RANGE))).status).toBe('Completed');
    }));

  it('with connections that are reset again and again: exact', () =>
    onStage({ rows }, async (stage) => {
      stage.proxies.table.setQuality({ cutAfterBytes: 150_000, latencyMs: 5 });
      stage.proxies.table.setMode('reset');
      const document = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(RANGE));
      expect(document.status).toBe('Completed');
    }));
});
