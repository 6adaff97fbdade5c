import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiKeyFile, createApiKeyFile, createKey } from '../support/api-key-file';
import { startEntra } from '../support/azure/entra-double';
import { findChromium, launchChromium } from '../support/browser';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import type { ServiceProcess } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';

const NO_BROWSER = findChromium() === undefined;
const KEY = createKey();
const RANGE = { start: '2021-10-10', end: '2021-12-10' };

describe.skipIf(NO_BROWSER)(`a browser${NO_BROWSER ? ' (skipped: no Chromium on the PATH)' : ''}`, () => {
  let browser: Browser;
  let file: ApiKeyFile;
  let system: System;
  let api: ServiceProcess;

  beforeAll(async () => {
    browser = await launchChromium();
    file = await createApiKeyFile({ a: [KEY] });
    system = await startSystem({ apiEnv: file.env });
    ({ api } = system);
  });

  afterAll(async () => {
    await browser.close();
    await system.stop();
    await file.remove();
  });

  async function submit(): Promise<string> {
    const answer = await checkedFetch(`${api.url}/api/queries`, toSubmission(RANGE, { 'x-api-key': KEY }));
    return ((await answer.json()) as { links: { self: string } }).links.self;
  }

  /** Enters a credential on the Swagger page and tries one route. */
  async function tryList(page: Page, origin: string, scheme: 'apiKey' | 'bearer', credential: string): Promise<string> {
    await page.goto(`${origin}/api/docs`);
    await page.locator('.auth-wrapper .authorize').first().click();
    const form = page.locator('.auth-container', { hasText: scheme === 'apiKey' ? 'x-api-key' : 'http, Bearer' });
    await form.locator('input').fill(credential);
    await form.locator('button.authorize').click();
    await page.locator('.btn-done').first().click();
    const operation = page.locator('#operations-queries-listQueries');
    await operation.locator('.opblock-summary-control').click();
    await operation.locator('.try-out__btn').click();
    await operation.locator('button.execute').click();
    const status = operation.locator('.live-responses-table tbody .response-col_status').first();
    return ((await status.textContent()) ?? '').slice(0, 3);
  }

  it.each(['apiKey', 'bearer'] as const)('the Swagger page sends an API key, as %s', async (scheme) => {
    const page = await browser.newPage();
    expect(await tryList(page, api.url, scheme, KEY)).toBe('200');
    expect(await tryList(page, api.url, scheme, createKey())).toBe('401');
    // The page does not store the key.
    expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])')).toBe('[{},{},""]');
    await page.close();
  });

  it('the Swagger page sends an access token', async () => {
    const entra = await startEntra();
    const own = await startSystem({ apiEnv: entra.env });
    const page = await browser.newPage();
    expect(await tryList(page, own.api.url, 'bearer', await entra.sign())).toBe('200');
    expect(await tryList(page, own.api.url, 'bearer', await entra.sign({ roles: [] }))).toBe('403');
    await page.close();
    await own.stop();
    await entra.stop();
  });

  it('the page of a query without a credential is a 401 that links to the Swagger page', async () => {
    const page = await browser.newPage();
    const answer = await page.goto(api.url + (await submit()));
    expect([answer?.status(), await page.innerText('h1')]).toEqual([401, 'This page needs a credential']);
    await page.getByRole('link').click();
    await page.locator('.auth-wrapper .authorize').first().waitFor();
    await page.close();
  });

  it('the page of a query updates behind a proxy that sends the credential', async () => {
    const path = await submit();
    const context = await browser.newContext({ extraHTTPHeaders: { 'x-api-key': KEY } });
    const page = await context.newPage();
    await page.goto(api.url + path);
    expect(await page.title()).toBe('Waiting - Audit Query');
    await checkedFetch(api.url + path, { method: 'DELETE', headers: { 'x-api-key': KEY } });
    await page.getByText('QUERY_TERMINATED').waitFor();
    await context.close();
  });
});
