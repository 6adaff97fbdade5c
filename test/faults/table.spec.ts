import { describe, expect, it } from 'vitest';
import type { Fault } from '../support/table-double/fault-rules';
import { generateDays } from '../support/table-double/generated-table';
import { onStage } from './harness/on-stage';
import { profile } from './harness/profile';

const RANGE = { start: '2021-10-01', end: '2021-10-06' };
const rows = { partitions: generateDays(RANGE.start, 6, 4_000), distinctIdentifiers: 9_000, withoutIdentifier: 0.01 };

/** What the double can do wrong, and with which codes a query may end where it never does anything else. */
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
  ['a reply in drops', { kind: 'drip' }, ['TABLE_UNREACHABLE']],
  ['a page of a proxy', { kind: 'html' }, ['TABLE_PROTOCOL']],
  ['an empty reply', { kind: 'empty-body' }, ['TABLE_PROTOCOL']],
  ['an empty object', { kind: 'empty-object' }, ['TABLE_PROTOCOL']],
  ['another shape', { kind: 'wrong-shape' }, ['TABLE_PROTOCOL']],
  ['a token that repeats', { kind: 'repeat-token' }, ['TABLE_PROTOCOL']],
];

/** What a correct service does as well. */
const HARMLESS: [name: string, fault: Fault][] = [
  ['late replies', { kind: 'latency', ms: 20, jitterMs: 100 }],
  ['pages that end with their partition', { kind: 'partition-boundary' }],
  ['short pages', { kind: 'short-page' }],
];

/**
 * Silence is the longest: six days share two requests at a time, so that a page waits for those of two other pairs before
 * it is asked for again, and at the end those under way run into their limit too.
 */
const FAILS_WITHIN_MS = 5 * profile.pageTimeoutSeconds * 1_000 + 12_000;

/** What is refused for good the first time that it is seen. */
const FATAL = new Set(['403', '400', 'a token that repeats']);

describe('fault 12: the table does wrong', () => {
  it('now and then (1 % and 20 % of the requests, each of its faults): exact, or Failed with the right code', () =>
    onStage({ rows, env: { SCAN_CONCURRENCY: '8', PAGE_RETRY_SECONDS: '20' } }, async (stage) => {
      const [caller] = stage.callers;
      for (const probability of [0.01, 0.2]) {
        for (const [i, [name, fault, codes]] of FAULTS.entries()) {
          // Another seed for each, or the same requests would be hit by all.
          await stage.double.configure({ faults: [{ fault, probability }], faultSeed: i + 1 });
          const document = await stage.waitForEnd(await caller.submitUntilAccepted(RANGE));
          const isExact = document.status === 'Completed';
          if (!isExact)
            expect([name, document.error?.code]).toEqual([name, expect.stringMatching(`^(${codes.join('|')})$`)]);
          if (!FATAL.has(name)) expect([name, document.status]).toEqual([name, 'Completed']);
        }
      }
    }));

  it('always: Failed with the right code, in bounded time', () =>
    onStage({ rows, env: { PAGE_RETRY_SECONDS: '2' } }, async (stage) => {
      const [caller] = stage.callers;
      for (const [name, fault, codes] of FAULTS) {
        await stage.double.configure({ faults: [{ fault }] });
        const begun = performance.now();
        const document = await stage.waitForEnd(await caller.submitUntilAccepted(RANGE));
        expect([name, document.error?.code]).toEqual([name, expect.stringMatching(`^(${codes.join('|')})$`)]);
        expect(performance.now() - begun).toBeLessThan(FAILS_WITHIN_MS);
      }
    }));

  it.each(HARMLESS)('as a correct service may (%s): exact', (_name, fault) =>
    onStage({ rows }, async (stage) => {
      await stage.double.configure({ faults: [{ fault }] });
      const document = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(RANGE));
      expect(document.status).toBe('Completed');
    }),
  );

  it('with empty pages, one of two: exact', () =>
    onStage({ rows }, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'empty-page' }, probability: 0.5 }] });
      const document = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(RANGE));
      expect(document.status).toBe('Completed');
    }));

  it('and its line is reset again and again: exact', () =>
    onStage({ rows }, async (stage) => {
      stage.lines.table.setQuality({ cutAfterBytes: 150_000, latencyMs: 5 });
      stage.lines.table.setMode('reset');
      const document = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(RANGE));
      expect(document.status).toBe('Completed');
    }));
});
