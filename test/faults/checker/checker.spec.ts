import { describe, expect, it } from 'vitest';
import type { RecordedRequest } from '../../support/table-double/request-log';
import type { Call, CallAnswer, History, ProcessEnd, QueryDocument } from '../harness/history';
import { findBackwardSteps, findUnfinished, findUnforeseenEnds } from './find-wrong-statuses';
import { findDoubledQueries, findLeaksToOthers, findWrongQueries } from './find-wrong-queries';
import { findGrowth, findLateExits } from './find-wrong-processes';
import { findSecrets } from './find-secrets';
import { findUnwantedPages } from './find-unwanted-pages';
import { findWrongCounts } from './find-wrong-counts';
import { findWrongRefusals } from './find-wrong-refusals';

const ID = 'a'.repeat(32);
const OTHER_ID = 'b'.repeat(32);
const range = { start: '2021-10-01', end: '2021-10-02' };
const result = {
  ...{ count: 3, entitiesRead: 4, entitiesWithoutIdentifier: 0, daysScanned: 2, daysReused: 0 },
  oldestScanAt: toIso(1_500),
};

function toIso(time: number): string {
  return new Date(time).toISOString();
}

function documentOf(change: Partial<QueryDocument> = {}): QueryDocument {
  const { percent = 0, atLeast = 0 } = change.progress ?? {};
  return {
    ...{ id: ID, status: 'Pending', request: { ...range, maxAgeSeconds: 0 }, createdAt: toIso(0) },
    ...{ startedAt: null, finishedAt: null, result: null, error: null, ...change },
    progress: { percent, atLeast, daysTotal: 2, daysDone: 0, daysReused: 0, entitiesRead: 0, etaSeconds: null },
  };
}

const running = (percent: number) => documentOf({ status: 'Running', progress: { percent, atLeast: 0 } as never });
const full = { percent: 100, atLeast: 3 } as never;
const completed = documentOf({ status: 'Completed', result, progress: full, finishedAt: toIso(3_000) });

function toAnswer(status: number, document?: QueryDocument, retryAfter: string | null = '1'): CallAnswer {
  return { status, retryAfter, body: JSON.stringify(document ?? {}), ...(document && { document }) };
}

/** Calls one after the other, 100 ms each, a second apart. */
function historyOf(...calls: Partial<Call>[]): History {
  const toCall = (call: Partial<Call>, i: number): Call => {
    const startedAt = i * 1_000;
    return { kind: 'read', caller: 'one', id: ID, startedAt, endedAt: startedAt + 100, ...call };
  };
  return { calls: calls.map(toCall), ends: [], blindnesses: [], losses: [], silences: [], starts: [] };
}

function endingWith(end: ProcessEnd): History {
  return { ...historyOf(), ends: [end] };
}

const submitted: Partial<Call> = { kind: 'submit', range, key: 'k', answer: toAnswer(202, documentOf()) };
const listOf = (...items: QueryDocument[]): Partial<Call> => ({
  ...{ kind: 'list', id: '', answer: { ...toAnswer(200), body: JSON.stringify({ items }) } },
});
const read = (document: QueryDocument): Partial<Call> => ({ answer: toAnswer(200, document) });
const good = historyOf(submitted, read(running(10)), read(running(20)), read(completed), read(completed));
const truth = async () => ({ count: 3, entitiesRead: 4, entitiesWithoutIdentifier: 0 });

function pageAt(receivedAtMs: number, day = '2021-10-01'): RecordedRequest {
  return {
    ...{ ordinal: 1, receivedAtMs, endedAtMs: null, end: 'answered', table: 'audit', filter: 'x', day },
    ...{ select: null, top: null, continuation: null, status: 200, entities: 1, faults: [] },
  };
}

describe('a history without a violation', () => {
  it('passes every check', async () => {
    expect(findUnfinished(good, { limitMs: 5_000 })).toEqual([]);
    expect(findUnforeseenEnds(good)).toEqual([]);
    expect(findBackwardSteps(good)).toEqual([]);
    expect(findWrongQueries(good)).toEqual([]);
    expect(await findWrongCounts(good, truth)).toEqual([]);
    expect(findDoubledQueries(historyOf(submitted, submitted))).toEqual([]);
    expect(findLeaksToOthers(historyOf(submitted, { ...read(documentOf()), caller: 'one' }))).toEqual([]);
    expect(findSecrets({ log: 'nothing', other: 'token' }, ['secret'])).toEqual([]);
    expect(findGrowth('api', [90e6, 100e6, 140e6, 130e6, 150e6, 130e6, 140e6, 150e6])).toEqual([]);
    expect(findLateExits(endingWith({ name: 'api', code: 0, tookMs: 2_900, at: 0 }), 3_000)).toEqual([]);
    expect(findUnwantedPages(good, [pageAt(50), pageAt(5_000)])).toEqual([]);
    expect(findWrongRefusals(historyOf({ answer: toAnswer(503) }, { answer: toAnswer(404) }))).toEqual([]);
  });
});

describe('I1: every accepted query ends', () => {
  it.each([
    ['a query whose end no call has seen', historyOf(submitted, read(running(10))), {}],
    ['a query that ends too late', good, { limitMs: 1_000 }],
    ['a lost query', historyOf(submitted, { answer: toAnswer(404) }), {}],
  ])('refuses %s', (_name, history, options) => {
    expect(findUnfinished(history, options)).toEqual([expect.stringMatching(`^I1: ${ID}`)]);
  });

  it('starts the time limit anew after each disturbance before the end', () => {
    const judge = (change: Partial<History>) => findUnfinished({ ...good, ...change }, { limitMs: 1_000 });
    const end = { name: 'worker', code: 0, tookMs: 0, at: 2_100 };
    for (const change of [{ starts: [2_100] }, { ends: [end] }, { blindnesses: [{ from: 500, to: 2_100 }] }]) {
      expect(judge(change)).toEqual([]);
    }
    expect(judge({ blindnesses: [{ from: 500, to: Infinity }] })).toEqual([]);
    expect(judge({ starts: [1_900, 3_100] })).toEqual([expect.stringMatching('^I1: .* took 1100 ms')]);
  });

  it('allows a lost query if the test allows losses', () => {
    expect(findUnfinished(historyOf(submitted, { answer: toAnswer(404) }), { mayBeLost: true })).toEqual([]);
  });

  it('allows a lost query that was accepted during a loss and not seen since', () => {
    const gone = (...calls: Partial<Call>[]) => historyOf(...calls, { answer: toAnswer(404) });
    const judge = (history: History, from: number) => {
      const losing = { ...history, losses: [{ from, to: from + 500 }] };
      return [...findUnfinished(losing), ...findBackwardSteps(losing)];
    };
    const found = [expect.stringMatching(`^I1: ${ID}`), expect.stringMatching(`^I2: ${ID}`)];
    expect(judge(gone(submitted), 50)).toEqual([]);
    expect(judge(gone(submitted), 200)).toEqual(found);
    expect(judge(gone(submitted, read(running(1))), 50)).toEqual(found);
    expect(judge(gone(submitted, read(running(1))), 700)).toEqual(found);
    const again = { ...submitted, answer: toAnswer(202, documentOf({ createdAt: toIso(2_000) })) };
    expect(judge(gone(submitted, { answer: toAnswer(404) }, again), 50)).toEqual(found);
  });
});

describe('I1: a query fails or is terminated only for a reason', () => {
  const failed = documentOf({ status: 'Failed', error: { code: 'TABLE_PROTOCOL', message: '' } });
  const terminated = documentOf({ status: 'Terminated' });
  const found = [expect.stringMatching(`^I1: ${ID} was`)];

  it('refuses a failure with a code that the test does not allow', () => {
    const history = historyOf(submitted, read(failed));
    expect(findUnforeseenEnds(history)).toEqual(found);
    expect(findUnforeseenEnds(history, { mayFailAs: ['TABLE_THROTTLED'] })).toEqual(found);
    expect(findUnforeseenEnds(history, { mayFailAs: ['TABLE_PROTOCOL'] })).toEqual([]);
  });

  it('refuses a termination that the caller has not requested', () => {
    const wish: Partial<Call> = { kind: 'terminate' };
    expect(findUnforeseenEnds(historyOf(submitted, read(terminated)))).toEqual(found);
    expect(findUnforeseenEnds(historyOf(submitted, { ...wish, caller: 'two' }, read(terminated)))).toEqual(found);
    expect(findUnforeseenEnds(historyOf(submitted, wish, read(terminated)))).toEqual([]);
  });
});

describe('I2: a status only moves forward', () => {
  it.each<[string, Partial<Call>[]]>([
    ['from Running to Pending', [read(running(1)), read(documentOf())]],
    ['from Completed to Running', [read(completed), read(running(99))]],
    ['from Completed to Failed', [read(completed), read(documentOf({ status: 'Failed', progress: full }))]],
    [
      'to another count',
      [read(completed), read(documentOf({ status: 'Completed', result: { ...result, count: 4 }, progress: full }))],
    ],
    ['to another finishedAt', [read(completed), read({ ...completed, finishedAt: 'later' })]],
    ['to less progress', [read(running(20)), read(running(10))]],
    ['to unknown', [{ answer: toAnswer(404) }]],
  ])('refuses a status that goes %s', (_name, calls) => {
    expect(findBackwardSteps(historyOf(submitted, ...calls))).toEqual([expect.stringMatching(`^I2: ${ID}`)]);
  });

  it('allows a step back to before a loss', () => {
    const history = historyOf(submitted, read({ ...completed, finishedAt: toIso(950) }), read(running(20)));
    expect(findBackwardSteps({ ...history, losses: [{ from: 900, to: 1_500 }] })).toEqual([]);
    for (const from of [960, 2_200]) {
      const losses = [{ from, to: from + 600 }];
      expect(findBackwardSteps({ ...history, losses })).toEqual([expect.stringMatching(`^I2: ${ID} ended`)]);
    }
  });

  it('does not judge the order of concurrent calls', () => {
    const overlapping = { ...read(running(10)), startedAt: 900, endedAt: 1_200 };
    expect(findBackwardSteps(historyOf(submitted, read(running(20)), overlapping))).toEqual([]);
  });

  it('judges later calls although one was concurrent', () => {
    const overlapping = { ...read(documentOf()), startedAt: 900, endedAt: 1_200 };
    const history = historyOf(submitted, read(running(20)), overlapping, read(documentOf()));
    expect(findBackwardSteps(history)).toEqual([expect.stringMatching('Running to Pending')]);
  });
});

describe('I3: a count is that of the table', () => {
  it.each([
    { count: 4 },
    { entitiesRead: 5 },
    { entitiesWithoutIdentifier: 1 },
    { daysScanned: 1 },
    { oldestScanAt: toIso(3_001) },
    { daysReused: 1, daysScanned: 1 },
  ])('refuses %j', async (change) => {
    const wrong = { ...completed, result: { ...result, ...change } };
    for (const call of [read(wrong), listOf(wrong)]) {
      expect(await findWrongCounts(historyOf(submitted, call), truth)).toEqual([expect.stringMatching('^I3')]);
    }
  });

  it('refuses a scan that is older than maxAgeSeconds', async () => {
    const createdAt = toIso(62_000);
    const reused = { ...result, oldestScanAt: toIso(2_000), daysReused: 1, daysScanned: 1 };
    const findOf = (maxAgeSeconds: number) => {
      const request = { ...range, maxAgeSeconds };
      const document = { ...completed, request, createdAt, finishedAt: toIso(63_000), result: reused };
      return findWrongCounts(historyOf(read(document)), truth);
    };
    expect(await findOf(60)).toEqual([]);
    expect(await findOf(59)).toEqual([expect.stringMatching('^I3: .* was scanned at')]);
  });
});

describe('I4: one key is one query', () => {
  it('refuses an answer about another query than the requested one', () => {
    const other = documentOf({ id: OTHER_ID });
    const otherRange = documentOf({ request: { ...range, end: '2021-10-09', maxAgeSeconds: 0 } });
    for (const call of [read(other), { ...submitted, answer: toAnswer(202, otherRange) }]) {
      expect(findWrongQueries(historyOf(submitted, call))).toEqual([expect.stringMatching('^I4: a')]);
    }
  });

  it('refuses two ids under one key of one caller, and accepts them from two callers', () => {
    const second = { ...submitted, answer: toAnswer(202, documentOf({ id: OTHER_ID })) };
    expect(findDoubledQueries(historyOf(submitted, second))).toEqual([expect.stringMatching('^I4: one k is 2')]);
    expect(findDoubledQueries(historyOf(submitted, { ...second, caller: 'two' }))).toEqual([]);
  });

  const later = documentOf({ createdAt: toIso(1_000) });
  const elsewhere = documentOf({ request: { ...range, end: '2021-10-09', maxAgeSeconds: 0 } });

  it.each<[string, Partial<Call>]>([
    ['was created a second time', { ...submitted, answer: toAnswer(202, later) }],
    ['has another creation time', read(later)],
    ['has another creation time in a list', listOf(later)],
    ['has another range', read(elsewhere)],
  ])('refuses a query that %s', (_name, call) => {
    expect(findDoubledQueries(historyOf(submitted, call))).toEqual([expect.stringMatching(`^I4: ${ID} was`)]);
  });

  it('allows a lost query to be created again, if the first one is not seen later', () => {
    const again = [submitted, { ...submitted, answer: toAnswer(202, later) }];
    expect(findDoubledQueries(historyOf(...again), { mayBeLost: true })).toEqual([]);
    const lossAt = (from: number) => ({ ...historyOf(...again), losses: [{ from, to: from + 100 }] });
    expect(findDoubledQueries(lossAt(50))).toEqual([]);
    expect(findDoubledQueries(lossAt(500))).toEqual([expect.stringMatching('^I4')]);
    expect(findDoubledQueries(historyOf(...again, read(documentOf())), { mayBeLost: true })).toEqual([
      expect.stringMatching('^I4'),
    ]);
  });
});

describe('I5: only its caller sees a query', () => {
  it.each<[string, Partial<Call>]>([
    ['reads it', read(documentOf())],
    ['lists it', listOf(documentOf())],
    ['gets its id in a refusal', { id: OTHER_ID, answer: { ...toAnswer(404), body: `{"instance":"${ID}"}` } }],
  ])('refuses that another caller %s', (_name, call) => {
    expect(findLeaksToOthers(historyOf(submitted, { ...call, caller: 'two' }))).toEqual([
      expect.stringMatching('^I5: two'),
    ]);
  });

  it('allows a 404 to repeat the requested id', () => {
    const unknown = { caller: 'two', answer: { ...toAnswer(404), body: `{"instance":"${ID}"}` } };
    expect(findLeaksToOthers(historyOf(submitted, unknown))).toEqual([]);
  });
});

describe('I7: no secret leaves the service', () => {
  it.each(['a secret', 'number 100012345KX.'])('refuses "%s"', (text) => {
    expect(findSecrets({ log: text }, ['secret'])).toEqual([expect.stringMatching('^I7: .* is in log')]);
  });
});

describe('I8: memory does not grow', () => {
  it('refuses a process that grows until the end', () => {
    expect(
      findGrowth(
        'api',
        [100, 110, 120, 140, 160, 180, 200, 220, 240, 260].map((mb) => mb * 1e6),
      ),
    ).toEqual(['I8: api grew from 120 MB to 240 MB']);
  });

  it('has stricter limits, and a least number of samples, for a process that lives during the whole run', () => {
    const samples = [100, 100, 100, 100, 115, 115, 131, 131].map((mb) => mb * 1e6);
    const strict = { times: 1.3, freeBytes: 0 };
    expect(findGrowth('api', samples)).toEqual([]);
    expect(findGrowth('api', samples, { ...strict, times: 1.4 })).toEqual([]);
    expect(findGrowth('api', samples, strict)).toEqual(['I8: api grew from 100 MB to 131 MB']);
    expect(findGrowth('api', samples.slice(1), strict)).toEqual(['I8: api has only 7 samples']);
  });
});

describe('I9: a process ends in time', () => {
  it.each([
    { name: 'api', code: 1, tookMs: 10 },
    { name: 'api', code: 'SIGKILL', tookMs: 10 },
    { name: 'api', code: 0, tookMs: 5_000 },
    { name: 'api', code: 1, tookMs: 0, lastOutput: 'an uncaught error' },
    { name: 'api', code: 0, tookMs: 0, lastOutput: '' },
  ])('refuses %j', (end) => {
    expect(findLateExits(endingWith({ at: 0, ...end }), 3_000)).toEqual([expect.stringMatching('^I9: the api')]);
  });

  it('allows the grace period to run out only while Redis is unreachable', () => {
    const history = endingWith({ name: 'api', code: 0, tookMs: 3_000, at: 9_000, isForced: true });
    const judge = (to: number) => findLateExits({ ...history, blindnesses: [{ from: 0, to }] }, 3_000);
    expect(judge(6_000)).toEqual([]);
    expect(judge(5_999)).toEqual(['I9: the api did not end within its grace period']);
  });
});

describe('I10: no page is requested in vain', () => {
  const terminated = documentOf({ status: 'Terminated', finishedAt: toIso(1_050) });
  const history = historyOf(submitted, { kind: 'terminate', answer: toAnswer(202, terminated) });

  it('refuses a page later than two seconds after the end, before the submission, or of another day', () => {
    expect(findUnwantedPages(history, [pageAt(3_000)])).toEqual([]);
    for (const page of [pageAt(3_100), pageAt(-1), pageAt(500, '2021-10-03')]) {
      expect(findUnwantedPages(history, [page])).toEqual([expect.stringMatching('^I10: 1 pages')]);
    }
  });

  it('does not judge a time in which the worker cannot learn that the query ended', () => {
    const blind = { ...history, blindnesses: [{ from: 0, to: 2_000 }] };
    expect(findUnwantedPages(blind, [pageAt(3_200)])).toEqual([]);
  });

  it.each<[string, Partial<Call>]>([
    ['was refused', { answer: toAnswer(503) }],
    ['was not answered', { failure: 'cut' }],
  ])('allows pages of a submission that %s for a moment, or until its outcome', (_name, call) => {
    const later = { ...range, end: '2021-10-05' };
    const refused = historyOf({ kind: 'submit', range: later, ...call }, submitted, read(completed));
    expect(findUnwantedPages(refused, [pageAt(4_000, '2021-10-05')])).toEqual([]);
    expect(findUnwantedPages(refused, [pageAt(4_200, '2021-10-05')])).toEqual([expect.stringMatching('^I10')]);
    const outcome = { request: later, createdAt: 50, finishedAt: 2_500 };
    expect(findUnwantedPages(refused, [pageAt(4_200, '2021-10-05')], [outcome])).toEqual([]);
    expect(findUnwantedPages(refused, [pageAt(4_600, '2021-10-05')], [outcome])).toEqual([
      expect.stringMatching('^I10'),
    ]);
  });

  it('treats a lost query as ended', () => {
    const lost = historyOf(submitted, { answer: toAnswer(404) });
    expect(findUnwantedPages(lost, [pageAt(3_000)])).toEqual([]);
    expect(findUnwantedPages(lost, [pageAt(3_200)])).toEqual([expect.stringMatching('^I10')]);
    const hidden = historyOf(submitted, { caller: 'two', answer: toAnswer(404) });
    expect(findUnwantedPages(hidden, [pageAt(3_200)])).toEqual([]);
  });
});

describe('I11: the only 5xx is 503, early and with Retry-After', () => {
  it.each<[string, Partial<Call>]>([
    ['a 500', { answer: toAnswer(500) }],
    ['a 503 without Retry-After', { answer: toAnswer(503, undefined, null) }],
    ['a late 503', { answer: toAnswer(503), endedAt: 3_000 }],
    ['no answer', { failure: 'cut' }],
    ['a late answer', { ...read(completed), endedAt: 5_001 }],
    ['a 202 without Retry-After', { ...submitted, answer: toAnswer(202, documentOf(), null) }],
    ['a 202 with a Retry-After above 60', { ...submitted, answer: toAnswer(202, documentOf(), '61') }],
    ['a 202 in place of a status', { answer: toAnswer(202, documentOf()) }],
    ['a 200 of a result while the query runs', { kind: 'result', answer: toAnswer(200, running(99)) }],
    ['a 202 of a result after the end', { kind: 'result', answer: toAnswer(202, completed) }],
    ['a 409 of a query that did not fail', { kind: 'result', answer: toAnswer(409) }],
    ['a 422 of a key with one range', { ...submitted, answer: toAnswer(422) }],
    ['a 429 without Retry-After', { answer: toAnswer(429, undefined, null) }],
    ['a 404 of a list', { kind: 'list', id: undefined as never, answer: toAnswer(404) }],
    ['a 400', { ...submitted, answer: toAnswer(400) }],
    ['a 401', { answer: toAnswer(401) }],
  ])('refuses %s', (_name, call) => {
    expect(findWrongRefusals(historyOf(call))).toEqual([expect.stringMatching('^I11')]);
  });

  it('allows a refusal that has a reason', () => {
    const failed = documentOf({ status: 'Failed', finishedAt: toIso(900), error: { code: 'X', message: '' } });
    const refused: Partial<Call>[] = [
      { kind: 'result', answer: toAnswer(409) },
      { ...submitted, range: { ...range, end: '2021-10-09' }, answer: toAnswer(422) },
      { answer: toAnswer(429) },
      { answer: toAnswer(503), endedAt: 7_500 },
    ];
    expect(findWrongRefusals(historyOf(submitted, read(failed), ...refused.slice(0, 3)))).toEqual([]);
    expect(findWrongRefusals(historyOf(...refused.slice(3)), { unavailableWithinMs: 8_000 })).toEqual([]);
  });

  it('allows calls without an answer that an API had when it was killed', () => {
    const history = historyOf({ api: 'one', failure: 'cut', endedAt: 500 });
    const silentAt = (api: string, from: number) => ({ ...history, silences: [{ api, from, to: from + 50 }] });
    expect(findWrongRefusals(silentAt('one', 400))).toEqual([]);
    expect(findWrongRefusals(silentAt('two', 400))).toEqual([expect.stringMatching('^I11')]);
    expect(findWrongRefusals(silentAt('one', 600))).toEqual([expect.stringMatching('^I11')]);
  });
});
