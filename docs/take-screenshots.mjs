// `node docs/take-screenshots.mjs`: takes docs/status-page.png and docs/board.png anew, of the running service: the built API
// and a worker, a Redis, and a table double that is slow enough to look at. Needs the build and Chromium (Debian: apt-get
// install chromium).
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/* global AbortSignal, fetch */

const ROOT = new URL('../', import.meta.url);
const STATUS_PAGE = fileURLToPath(new URL('status-page.png', import.meta.url));
const BOARD = fileURLToPath(new URL('board.png', import.meta.url));

/** The one of a query that fails. */
const BAD_DAY = '2021-12-24';
const QUICK = { kind: 'latency', ms: 5 };
const SLOW = { kind: 'latency', ms: 600 };
const REFUSAL = { fault: { kind: 'status', status: 400 }, day: BAD_DAY };

process.chdir(fileURLToPath(ROOT));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'docs/tsconfig.json'], { stdio: 'inherit' });
if (status !== 0) process.exit(1);

const { startRedis } = await import('../dist/apps/local/src/redis-server.js');
const { launchChromium } = await import('../dist/test/support/browser.js');
const { startApi, startWorker, waitUntilReady } = await import('../dist/test/support/service-processes.js');
const { generateDays } = await import('../dist/test/support/table-double/generated-table.js');
const { startTableDouble } = await import('../dist/test/support/table-double/start-table-double.js');

// Days of different sizes, so that some are done in the middle of a query.
const partitions = generateDays('2021-10-01', 92, 0).map(({ key }, i) => ({
  key,
  entities: 900 + ((i * 37) % 92) * 70,
}));
const rows = { partitions, distinctIdentifiers: 300_000, withoutIdentifier: 0.001 };
/** What ends what has been started, in the order of the starts. */
const ends = [];
let double, api, browser;
try {
  await startAll();
  await takeBoth();
} finally {
  for (const end of ends.reverse()) await end();
}

async function startAll() {
  double = await startTableDouble({ tables: { audit: { kind: 'generated', rows } } });
  ends.push(() => double.stop());
  const redis = await startRedis();
  ends.push(() => redis.stop());
  api = await startApi({ REDIS_URL: redis.url });
  ends.push(() => api.end());
  const table = { TABLE_CONNECTION_STRING: double.connectionString, QUERIES_PER_WORKER: '1' };
  const worker = await startWorker({ REDIS_URL: redis.url, ...table });
  ends.push(() => worker.end());
  browser = await launchChromium();
  ends.push(() => browser.close());
  await Promise.all([waitUntilReady(api), waitUntilReady(worker)]);
}

async function takeBoth() {
  setPace(QUICK);
  await watchToEnd(await submit('2021-11-01', '2021-11-30'));
  await watchToEnd(await submit(BAD_DAY, BAD_DAY));
  const done = await submit('2021-10-10', '2021-12-10');
  await watchToEnd(done);
  const donePage = await open(api.url + done, { width: 560, height: 600 });

  setPace(SLOW);
  const running = await submit('2021-10-10', '2021-12-10');
  await submit('2021-10-01', '2021-10-31');
  await submit('2021-11-01', '2021-11-30');
  const runningPage = await open(api.url + running, { width: 560, height: 600 });
  while ((await read(running)).progress.daysDone < 12) await delay(200);
  const [left, right] = [
    await runningPage.screenshot({ fullPage: true }),
    await donePage.screenshot({ fullPage: true }),
  ];
  const boardPage = await open(
    `${api.operatorUrl}/queues/queue/queries`,
    { width: 1_360, height: 700 },
    { defaultJobTab: 'Progress' },
  );
  await boardPage.getByText('percent').first().waitFor();
  await boardPage.screenshot({ path: BOARD });
  await joinSideBySide(left, right);
}

/** How fast the table is from now on; the bad day stays bad. */
function setPace(fault) {
  double.configure({ faults: [{ fault }, REFUSAL] });
}

/** @returns The path of the new query. */
async function submit(start, end) {
  const answer = await fetch(`${api.url}/api/queries`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ start, end }),
  });
  return (await answer.json()).links.self;
}

async function read(path) {
  return (await fetch(api.url + path)).json();
}

/** Waits for the end of a query, whatever that is. */
async function watchToEnd(path) {
  const signal = AbortSignal.timeout(60_000);
  while ((await fetch(`${api.url}${path}/result?wait=20`, { signal })).status === 202);
}

/** @param boardSettings What a reader of the dashboard can set in it. */
async function open(url, viewport, boardSettings = {}) {
  const page = await browser.newPage({ viewport, colorScheme: 'light' });
  const kept = JSON.stringify(JSON.stringify({ state: boardSettings, version: 2 }));
  await page.addInitScript(`localStorage.setItem('board-settings', ${kept})`);
  await page.goto(url);
  return page;
}

/** Both pages as one picture: the query while it runs, and one that has ended. */
async function joinSideBySide(...pictures) {
  const page = await browser.newPage({ viewport: { width: 1_132, height: 600 } });
  const images = pictures.map((png) => `<img src="data:image/png;base64,${png.toString('base64')}">`);
  await page.setContent(
    `<!doctype html><body style="margin:0;display:flex;gap:12px;align-items:start">${images.join('')}</body>`,
  );
  await page.screenshot({ path: STATUS_PAGE, fullPage: true });
}
