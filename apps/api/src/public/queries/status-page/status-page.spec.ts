import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { describeError } from '#shared/contract/error-codes';
import { noProgress, type QueryState } from '#shared/contract/query-document';
import { toQueryDocument } from '../../../queue/query-document';
import { toStatusPage } from './status-page';
import { toStatusPageHeaders, toStatusPagePolicy } from './status-page-headers';

const NONCE = 'bm9uY2Utb2YtMTI4LWJpdA==';
const SECOND = 1_000;
const NOON = Date.UTC(2026, 2, 2, 12);

const pending: QueryState = {
  id: '433ebcfe85ec4012abe94dcda2aa6b00',
  status: 'Pending',
  caller: 'anonymous',
  request: { start: '2021-10-10' as CalendarDay, end: '2021-12-10' as CalendarDay, maxAgeSeconds: 0 },
  createdAt: NOON,
  startedAt: null,
  finishedAt: null,
  expiresAt: null,
  progress: noProgress(62),
  result: null,
  error: null,
};
const progress = {
  ...{ percent: 41.9, daysTotal: 62, daysDone: 26, daysReused: 4 },
  ...{ entitiesRead: 1_843_221, etaSeconds: 103, atLeast: 1_812 },
};
const running: QueryState = { ...pending, status: 'Running', startedAt: NOON + SECOND, progress };
const ended = { ...running, finishedAt: NOON + 181 * SECOND, expiresAt: NOON + 86_400 * SECOND };
const completed: QueryState = {
  ...ended,
  status: 'Completed',
  progress: { ...progress, percent: 100, daysDone: 62, etaSeconds: 0, atLeast: 2_119 },
  result: {
    count: 2_119,
    entitiesRead: 4_210_332,
    entitiesWithoutIdentifier: 311,
    daysScanned: 58,
    daysReused: 4,
    oldestScanAt: '2026-03-02T11:50:00.000Z',
  },
};
const toFailed = (code: 'TABLE_THROTTLED' | 'QUERY_TERMINATED'): QueryState => ({
  ...ended,
  status: code === 'QUERY_TERMINATED' ? 'Terminated' : 'Failed',
  error: { code, message: describeError(code) },
});

const toPage = (state: QueryState) => toStatusPage(toQueryDocument(state), NONCE);

/** What a reader reads: no style, no script, no tags; blanks of every kind are one blank. */
function toReading(page: string): string {
  const body = page.slice(page.indexOf('<body>'), page.indexOf('<script'));
  return body
    .replace(/<[^>]*>/g, ' ')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replace(/\s+/g, ' ');
}

describe('the page as the server sends it', () => {
  it.each<[string, QueryState, string, string[]]>([
    ['Pending', pending, 'Waiting', ['10 October – 10 December 2021', '0 %', '0 of 62', 'Started not yet']],
    [
      'Running',
      running,
      '41.9 %',
      ['At least 1,812 people so far', '41.9 % about 2 min left', '26 of 62 4 reused', 'Entities read 1,843,221'],
    ],
    [
      'Completed',
      completed,
      '2,119 distinct people',
      [
        'Exactly 2,119 distinct people',
        'Found in 4,210,332 entities of 62 days, in 3 min.',
        '100 % done',
        '4,210,332 311 unidentified',
        'Finished 2 Mar 2026, 12:03:01 UTC',
        'Data as of 2 Mar 2026, 11:50:00 UTC',
        'Kept until 3 Mar 2026, 12:00:00 UTC',
      ],
    ],
    [
      'Failed',
      toFailed('TABLE_THROTTLED'),
      'Failed',
      ['Ended with TABLE_THROTTLED No answer', describeError('TABLE_THROTTLED'), '41.9 % stopped'],
    ],
    ['Terminated', toFailed('QUERY_TERMINATED'), 'Terminated', ['QUERY_TERMINATED', 'The query was terminated.']],
  ])('tells all without a script: %s', (status, state, title, texts) => {
    const page = toPage(state);
    expect(page.replaceAll('\u00a0', ' ')).toContain(`<title>${title} - Audit Query</title>`);
    expect(page).toContain(`<progress max="100" value="${state.progress.percent}" aria-label="Progress">`);
    expect(page).toContain(`<html lang="en" data-status="${status}">`);
    for (const text of [status, state.id, ...texts]) expect(toReading(page)).toContain(text);
  });

  it('renews itself without a script until the query is over', () => {
    expect(toPage(running)).toContain('http-equiv="refresh"');
    expect(toPage(completed)).not.toContain('http-equiv="refresh"');
  });

  it('gives machines the times that it gives people', () => {
    expect(toPage(running)).toContain('<time datetime="2026-03-02T12:00:01.000Z">2 Mar 2026, 12:00:01 UTC</time>');
  });

  it.each([
    [null, 'time left not known yet'],
    [0, 'a few seconds left'],
    [34, 'about 40 s left'],
    [55, 'about 1 min left'],
    [3_590, 'about 1 h 0 min left'],
    [9_000, 'about 2 h 30 min left'],
  ])('says %s seconds as "%s"', (etaSeconds, text) => {
    expect(toReading(toPage({ ...running, progress: { ...progress, etaSeconds } }))).toContain(text);
  });

  it.each([
    [0, 'Exactly 0 distinct people'],
    [1, 'Exactly 1 distinct person'],
  ])('counts %s in words that fit', (count, text) => {
    const result = completed.result && { ...completed.result, count };
    expect(toReading(toPage({ ...completed, result }))).toContain(text);
  });

  it('needs no style attribute and no handler attribute, which the policy forbids', () => {
    expect(toPage(running)).not.toMatch(/<[^>]*\s(style|on[a-z]+)=/);
    expect(toPage(running).match(/<(script|style)\b[^>]*>/g)).toEqual([
      `<style nonce="${NONCE}">`,
      `<script nonce="${NONCE}">`,
    ]);
  });
});

describe('hostile texts', () => {
  const HOSTILE = [
    '</script><script>alert(1)</script>',
    '<!--<script>',
    '"><img src=x onerror=alert(1)>',
    `' onmouseover='alert(1)`,
    '</title></style><b>&amp;',
    '\u2028alert(1)\u2029',
    '${alert(1)}`\\',
  ];

  it.each(HOSTILE)('stay text: %j', (hostile) => {
    const document = toQueryDocument({ ...toFailed('TABLE_THROTTLED'), id: hostile });
    const error = { code: hostile as 'QUERY_FAILED', message: hostile };
    const page = toStatusPage({ ...document, error }, NONCE);
    expect(page.match(/<\/?(script|style|title)\b/g)).toEqual(
      toPage(completed).match(/<\/?(script|style|title)\b/g), // As many as where nobody is hostile.
    );
    expect(page).not.toMatch(/<img|<b>|<!--/);
    expect(page.slice(0, page.indexOf('<script'))).not.toContain(`' onmouseover='`);
    expect(toReading(page)).toContain(hostile.replace(/\s+/g, ' '));
    expect(toScript(page)).not.toMatch(/[\u2028\u2029]/);
  });

  it.each(HOSTILE)('reach the script as what they are: %j', (hostile) => {
    const document = toQueryDocument(running);
    const browser = runScript({ ...document, links: { ...document.links, events: hostile } });
    expect(browser.source().url).toBe(hostile);
  });
});

describe('the headers', () => {
  it('let the page run its own script and style, and reach its own origin', () => {
    expect(toStatusPagePolicy(NONCE)).toBe(
      `default-src 'none'; script-src 'nonce-${NONCE}'; style-src 'nonce-${NONCE}'; connect-src 'self'; ` +
        `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(toStatusPageHeaders(NONCE)).toEqual({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': toStatusPagePolicy(NONCE),
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
    });
  });
});

describe('the script', () => {
  it('shows what the stream tells, and closes it at the end', () => {
    const browser = runScript(toQueryDocument(pending));
    browser.source().emit('progress', toQueryDocument(running));
    expect([browser.title(), browser.source().isClosed]).toEqual(['41.9 % - Audit Query', false]);
    browser.source().emit('end', toQueryDocument(completed));
    expect([browser.title(), browser.source().isClosed]).toEqual(['2,119 distinct people - Audit Query', true]);
    browser.source().emit('error');
    expect([browser.sources.length, browser.requests, browser.waits()]).toEqual([1, [], []]);
  });

  it('opens no stream for a query that is over', () => {
    expect(runScript(toQueryDocument(completed)).sources).toEqual([]);
  });

  it('polls as the server asks when no stream gets through', async () => {
    const browser = runScript(toQueryDocument(pending), [
      { state: running, retryAfter: '7' },
      { status: 503, retryAfter: '9' },
      { status: 'no network' },
      { state: running, retryAfter: '3600' },
      { state: completed },
    ]);
    browser.source().emit('error');
    for (const waitMs of [7_000, 9_000, 4_000, 60_000]) {
      await browser.settle();
      expect(browser.waits()).toEqual([waitMs]);
      browser.elapse();
    }
    await browser.settle();
    expect([browser.title(), browser.waits()]).toEqual(['2,119 distinct people - Audit Query', []]);
    expect(browser.requests).toEqual(Array(5).fill(['/api/queries/' + pending.id, 'application/json']));
    expect(browser.sources).toHaveLength(1);
  });

  it('polls when the stream is open but silent', () => {
    const browser = runScript(toQueryDocument(pending), [{ state: running }]);
    expect(browser.waits()).toEqual([10_000]);
    browser.elapse();
    expect([browser.source().isClosed, browser.requests.length]).toEqual([true, 1]);
  });

  it('goes back to a stream that was cut after it had worked', async () => {
    const browser = runScript(toQueryDocument(pending), [{ state: running, retryAfter: '3' }]);
    browser.source().emit('progress', toQueryDocument(running));
    browser.source().emit('error');
    await browser.settle();
    browser.elapse();
    expect(browser.sources.map(({ isClosed }) => isClosed)).toEqual([true, false]);
  });

  it.each([
    [404, { code: 'QUERY_NOT_FOUND' }, 'The service keeps this query no longer.'],
    [401, { code: 'UNAUTHENTICATED' }, 'Load this page again to go on.'],
  ])('stops when asking again is of no use: %s', async (status, body, note) => {
    const browser = runScript(toQueryDocument(pending), [{ status, body: JSON.stringify(body) }]);
    browser.source().emit('error');
    await browser.settle();
    expect([browser.note(), browser.waits()]).toEqual([note, []]);
  });

  it.each(['<h1>Not Found</h1>', '{"code":"ROUTE_NOT_FOUND"}', '{"statusCode":404}'])(
    'polls again after a 404 that is not about the query: %s',
    async (body) => {
      const browser = runScript(toQueryDocument(pending), [{ status: 404, body }]);
      browser.source().emit('error');
      await browser.settle();
      expect([browser.note(), browser.waits()]).toEqual(['The connection is lost. Trying again …', [2_000]]);
    },
  );
});

function toScript(page: string): string {
  return page.slice(page.indexOf('>', page.indexOf('<script')) + 1, page.lastIndexOf('</script>'));
}

interface Reply {
  state?: QueryState;
  status?: number | 'no network';
  body?: string;
  retryAfter?: string;
}

/** Runs the page's script, as it is sent, with as much of a browser as it uses; time passes when it is told to. */
function runScript(query: ReturnType<typeof toQueryDocument>, replies: Reply[] = []) {
  class Source {
    isClosed = false;
    private readonly listeners: Record<string, (event: { data?: string }) => void> = {};
    constructor(readonly url: string) {
      sources.push(this);
    }
    addEventListener(type: string, listener: (event: { data?: string }) => void): void {
      this.listeners[type] = listener;
    }
    close(): void {
      this.isClosed = true;
    }
    emit(type: string, data?: unknown): void {
      this.listeners[type]?.(data === undefined ? {} : { data: JSON.stringify(data) });
    }
  }
  const sources: Source[] = [];
  const requests: [string, string | undefined][] = [];
  let timers: { callback: () => void; ms: number }[] = [];
  const element = { dataset: {}, textContent: '', value: 0 };
  const document = {
    title: '',
    documentElement: element,
    querySelector: () => element,
    querySelectorAll: () => [],
  };
  const fetch = async (url: string, { headers }: { headers: Record<string, string> }) => {
    requests.push([url, headers['accept']]);
    const { state, body = null, status = 200, retryAfter } = replies.shift() ?? {};
    if (status === 'no network') throw new TypeError('no network');
    return new Response(state ? JSON.stringify(toQueryDocument(state)) : body, {
      status,
      headers: retryAfter ? { 'retry-after': retryAfter } : {},
    });
  };
  const setTimeout = (callback: () => void, ms: number) => {
    timers.push({ callback, ms });
    return timers.at(-1);
  };
  const clearTimeout = (timer: unknown) => (timers = timers.filter((other) => other !== timer));
  runInNewContext(toScript(toStatusPage(query, NONCE)), {
    document,
    EventSource: Source,
    fetch,
    setTimeout,
    clearTimeout,
  });
  return {
    sources,
    requests,
    source: () => sources.at(-1) ?? expect.fail('no stream was opened'),
    title: () => document.title.replaceAll('\u00a0', ' '),
    note: () => element.textContent,
    waits: () => timers.map(({ ms }) => ms),
    elapse: () => timers.splice(0).forEach(({ callback }) => callback()),
    /** All that follows from answers that are there already has happened by the next turn. */
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  };
}
