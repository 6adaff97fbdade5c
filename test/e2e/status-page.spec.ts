import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkedFetch } from '../support/checked-fetch';
import { findChromium, launchChromium } from '../support/browser';
import { toSubmission } from '../support/conversation';
import { startSystem, type System } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import { waitUntil } from '../support/wait-until';

const DAYS = 12;
const RANGE = { start: '2021-10-01', end: '2021-10-12' };
const NO_BROWSER = findChromium() === undefined;

let browser: Browser;
let system: System;
/** Errors, violations of the security policy, and requests to other servers: no page may cause any. */
let complaints: string[];

describe.skipIf(NO_BROWSER)(`the status page${NO_BROWSER ? ' (skipped: no Chromium on the PATH)' : ''}`, () => {
  beforeAll(async () => {
    browser = await launchChromium();
  });

  afterAll(() => browser.close());

  beforeEach(async () => {
    system = await startSystem({
      rows: { partitions: generateDays(RANGE.start, DAYS, 2_500), distinctIdentifiers: 20_000 },
      faults: [{ fault: { kind: 'latency', ms: 60 } }],
      env: { SCAN_CONCURRENCY: '2' },
    });
    complaints = [];
  });

  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await system.stop();
    expect(complaints).toEqual([]);
  });

  it('updates from waiting to the answer without a reload', async () => {
    const page = await open(await submit());
    expect(await page.title()).toBe('Waiting - Audit Query');
    await startWork();
    const seen: number[] = [];
    await waitUntil(
      'the answer on the page',
      async () => {
        seen.push(await readProgress(page));
        return page.innerText('main');
      },
      (text) => text.includes('Exactly'),
      60_000,
    );
    expect(seen.some((percent) => percent > 0 && percent < 100)).toBe(true);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    await expectAnswer(page);
    expect(await page.getByRole('status').textContent()).toBe(`Completed: exactly ${count()} distinct people.`);
  });

  it('polls if no event stream works', async () => {
    const page = await open(await submit(), {}, async (page) => page.route('**/events', (route) => route.abort()));
    await startWork();
    await page.locator('[data-status=Completed]').waitFor({ timeout: 60_000 });
    await expectAnswer(page);
    // The aborted stream is the only complaint of the browser.
    expect(complaints.splice(0).filter((complaint) => !complaint.includes('net::ERR_FAILED'))).toEqual([]);
  });

  it('shows the same, by reloading itself, without scripts', async () => {
    const page = await open(await submit(), { javaScriptEnabled: false });
    await startWork();
    await page.locator('[data-status=Completed]').waitFor({ timeout: 60_000 });
    await expectAnswer(page);
  });

  it('shows why there is no answer', async () => {
    const path = await submit();
    const page = await open(path);
    await checkedFetch(system.api.url + path, { method: 'DELETE' });
    await page.getByText('QUERY_TERMINATED').waitFor();
    expect(await page.title()).toBe('Terminated - Audit Query');
    expect(await page.innerText('main')).toContain('The query was terminated.');
  });

  it('fits narrow and wide windows, with light and dark colours', async () => {
    const path = await submit();
    for (const [width, colorScheme, background] of [
      [320, 'light', 'rgb(245, 246, 248)'],
      [360, 'dark', 'rgb(14, 16, 20)'],
      [1_200, 'light', 'rgb(245, 246, 248)'],
    ] as const) {
      const page = await open(path, { viewport: { width, height: 700 }, colorScheme });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(background);
    }
  });

  it('is returned to browsers only, with a new nonce in the policy each time', async () => {
    const path = await submit();
    const ask = (accept: string) => checkedFetch(system.api.url + path, { headers: { accept } });
    const answers = [await ask('text/html,application/xhtml+xml;q=0.9,*/*;q=0.8'), await ask('text/html')];
    const nonces = answers.map(
      ({ headers }) => /'nonce-([^']+)'/.exec(headers.get('content-security-policy') ?? '')?.[1],
    );
    expect(new Set(nonces).size).toBe(2);
    for (const [i, { status, headers }] of answers.entries()) {
      expect([status, headers.get('content-type'), headers.get('cache-control'), headers.get('vary')]).toEqual([
        200,
        'text/html; charset=utf-8',
        'no-store',
        'Accept',
      ]);
      expect([headers.get('referrer-policy'), headers.get('x-content-type-options')]).toEqual([
        'no-referrer',
        'nosniff',
      ]);
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; /);
      expect(await answers[i]?.text()).toContain(`<script nonce="${nonces[i]}">`);
    }
    for (const accept of ['*/*', 'application/json']) {
      expect((await ask(accept)).headers.get('content-type')).toMatch(/^application\/json/);
    }
  });
});

/** The path of a new query. */
async function submit(): Promise<string> {
  const answer = await checkedFetch(`${system.api.url}/api/queries`, toSubmission(RANGE));
  const { links } = (await answer.json()) as { links: { self: string } };
  return links.self;
}

const startWork = () => system.addWorker();

async function open(
  path: string,
  options: BrowserContextOptions = {},
  prepare: (page: Page) => Promise<unknown> = async () => {},
): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(system.api.url)) complaints.push(`a request to ${request.url()}`);
  });
  await prepare(page);
  await page.goto(system.api.url + path);
  return page;
}

function readProgress(page: Page): Promise<number> {
  return page.getByRole('progressbar').evaluate((bar) => (bar as unknown as { value: number }).value);
}

async function expectAnswer(page: Page): Promise<void> {
  expect((await page.title()).startsWith(`${count()} distinct people`)).toBe(true);
  expect((await page.innerText('.headline')).replace(/\s+/g, ' ')).toBe(`${count()} distinct people`);
  expect(await readProgress(page)).toBe(100);
  expect(await page.innerText('main')).toContain(`${DAYS} of ${DAYS}`);
}

/** Formatted as on the page. */
function count(): string {
  return new Intl.NumberFormat('en-GB').format(system.double.truth('audit', RANGE.start, RANGE.end).count);
}
