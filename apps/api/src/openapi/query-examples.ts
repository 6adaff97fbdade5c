import { describeError } from '#shared/contract/error-codes';
import type { QueryState } from '#shared/contract/query-document';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { toQueryDocument } from '../queue/query-document';

export const EXAMPLE_ID = '433ebcfe85ec4012abe94dcda2aa6b00';

const SUBMITTED_AT = Date.UTC(2022, 0, 10, 8, 30);
const MINUTE_MS = 60_000;

const PENDING: QueryState = {
  id: EXAMPLE_ID,
  status: 'Pending',
  caller: '',
  request: { start: '2021-10-10' as CalendarDay, end: '2021-12-10' as CalendarDay, maxAgeSeconds: 0 },
  createdAt: SUBMITTED_AT,
  startedAt: null,
  finishedAt: null,
  expiresAt: null,
  progress: { percent: 0, daysTotal: 62, daysDone: 0, daysReused: 0, entitiesRead: 0, etaSeconds: null, atLeast: 0 },
  result: null,
  error: null,
};

const RUNNING: QueryState = {
  ...PENDING,
  status: 'Running',
  startedAt: SUBMITTED_AT + 1_000,
  progress: {
    percent: 41.9,
    daysTotal: 62,
    daysDone: 26,
    daysReused: 0,
    entitiesRead: 1_843_221,
    etaSeconds: 103,
    atLeast: 812,
  },
};

const ENDED = { finishedAt: SUBMITTED_AT + 3 * MINUTE_MS, expiresAt: SUBMITTED_AT + 1_443 * MINUTE_MS };

const COMPLETED: QueryState = {
  ...RUNNING,
  ...ENDED,
  status: 'Completed',
  progress: { ...RUNNING.progress, percent: 100, daysDone: 62, entitiesRead: 4_210_332, etaSeconds: 0, atLeast: 1_904 },
  result: {
    count: 1_904,
    entitiesRead: 4_210_332,
    entitiesWithoutIdentifier: 0,
    daysScanned: 62,
    daysReused: 0,
    oldestScanAt: new Date(SUBMITTED_AT + 1_000).toISOString(),
  },
};

const TERMINATED: QueryState = {
  ...RUNNING,
  ...ENDED,
  status: 'Terminated',
  error: { code: 'QUERY_TERMINATED', message: describeError('QUERY_TERMINATED') },
};

/** Made by the code that makes the real ones. */
export const QUERY_EXAMPLES = {
  Pending: { summary: 'Waits for a worker', value: toQueryDocument(PENDING) },
  Running: { summary: 'Is being run', value: toQueryDocument(RUNNING) },
  Completed: { summary: 'Has its answer', value: toQueryDocument(COMPLETED) },
  Terminated: { summary: 'Was terminated', value: toQueryDocument(TERMINATED) },
};
