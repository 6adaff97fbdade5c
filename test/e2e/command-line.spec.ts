import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createApiKeyFile, createKey } from '../support/api-key-file';
import { startBufferingProxy } from '../support/buffering-proxy';
import { runCommandLine, startCommand, startInTerminal, startThroughNpm } from '../support/run-command-line';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import type { TableDouble } from '../support/table-double/table-double';
import { startTcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

interface Document {
  id: string;
  status: string;
  request: { start: string; end: string; maxAgeSeconds: number };
  progress: { percent: number; daysTotal: number };
  result: { count: number; daysReused: number } | null;
  error: { code: string; message: string } | null;
}

/** Takes at least three seconds with the latency below. */
const RANGE = ['2021-10-01', '2021-10-20'];
const UNKNOWN_ID = '0123456789abcdef0123456789abcdef';

let system: System;
let double: TableDouble;
let api: ServiceProcess;
let env: Record<string, string>;
let count: string;

beforeAll(async () => {
  system = await startSystem({
    rows: { partitions: generateDays('2021-10-01', 40, 2_500), distinctIdentifiers: 20_000 },
    workerEnv: { SCAN_CONCURRENCY: '2', PAGE_RETRY_SECONDS: '1' },
    workers: 1,
  });
  ({ double, api } = system);
  count = String(double.truth('audit', RANGE[0] ?? '', RANGE[1] ?? '').count);
  env = { AUDIT_QUERY_URL: api.url };
});

afterAll(() => system.stop());

/** Slows the table down until the end of the test, so that commands wait. */
function slowDown(ms = 150): void {
  double.configure({ faults: [{ fault: { kind: 'latency', ms } }] });
  onTestFinished(() => double.configure({ faults: [] }));
}

async function submit(): Promise<string> {
  const { stdout } = await runCommandLine(['submit', ...RANGE], env);
  return stdout.trim();
}

const readStatus = async (id: string) =>
  JSON.parse((await runCommandLine(['status', id, '--json'], env)).stdout) as Document;

describe('submit', () => {
  it('prints only the id, which the other commands take', async () => {
    const { exitCode, stdout, stderr } = await runCommandLine(['submit', ...RANGE], env);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^[0-9a-f]{32}\n$/)]);
    expect(stderr).toBe(`Accepted. Wait for it: audit-query watch ${stdout.trim()}\n`);
    expect(await runCommandLine(['watch', stdout.trim()], env)).toMatchObject({ exitCode: 0, stdout: `${count}\n` });
  });

  it('waits, shows the progress, and prints only the count', async () => {
    slowDown();
    const { exitCode, stdout, stderr } = await runCommandLine(['submit', ...RANGE, '--wait'], env);
    expect([exitCode, stdout]).toEqual([0, `${count}\n`]);
    expect(stderr).toContain('Distinct people with a certificate, 2021-10-01 to 2021-10-20 (20 days read');
    expect(stderr).not.toContain('\u001b');
  });

  it('prints one document with --json, with and without --wait', async () => {
    const accepted = await runCommandLine(['submit', ...RANGE, '--json'], env);
    expect(JSON.parse(accepted.stdout)).toMatchObject({
      request: { start: RANGE[0], end: RANGE[1], maxAgeSeconds: 0 },
    });
    const ended = await runCommandLine(['submit', ...RANGE, '--json', '--wait'], env);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'Completed', result: { count: Number(count) } });
    expect(ended.stderr).not.toContain('Distinct');
  });

  it('reuses days within --max-age', async () => {
    await runCommandLine(['submit', ...RANGE, '--wait'], env);
    const { stdout } = await runCommandLine(['submit', ...RANGE, '--max-age', '600', '--wait', '--json'], env);
    expect(JSON.parse(stdout)).toMatchObject({ result: { count: Number(count), daysReused: 20 } });
  });

  it('submits one query per idempotency key, and rejects the key with another range', async () => {
    const args = ['--idempotency-key', randomUUID()];
    const [one, other] = [
      await runCommandLine(['submit', ...RANGE, ...args], env),
      await runCommandLine(['submit', ...RANGE, ...args], env),
    ];
    expect(one.stdout).toBe(other.stdout);
    const refused = await runCommandLine(['submit', '2021-10-01', '2021-10-02', ...args], env);
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('(IDEMPOTENCY_KEY_REUSED)')]);
  });

  it('retries after a lost answer without a second query', async () => {
    const proxy = await startBufferingProxy(api.url, 1);
    onTestFinished(() => proxy.stop());
    const since = new Date().toISOString();
    const { exitCode, stdout, stderr } = await runCommandLine(['submit', ...RANGE, '--url', proxy.url], env);
    expect([exitCode, proxy.paths]).toEqual([0, ['/api/queries', '/api/queries']]);
    expect(stderr).toContain('Retrying in');
    const list = await runCommandLine(['list', '--created-after', since, '--json'], env);
    expect((JSON.parse(list.stdout) as { items: Document[] }).items.map(({ id }) => id)).toEqual([stdout.trim()]);
  });

  it('stops waiting after --timeout with 8 and leaves the query running', async () => {
    slowDown();
    const { exitCode, stdout, stderr } = await runCommandLine(
      ['submit', ...RANGE, '--wait', '--timeout', '1', '--json'],
      env,
    );
    const { error, id } = JSON.parse(stdout) as Document;
    expect([exitCode, error?.code]).toEqual([8, 'WAIT_TIMEOUT']);
    expect(stderr).toContain(`audit-query watch ${id}`);
    expect(await runCommandLine(['watch', id], env)).toMatchObject({ exitCode: 0, stdout: `${count}\n` });
  });
});

describe('the other commands', () => {
  it('status shows a running and a completed query with 0', async () => {
    slowDown();
    const id = await submit();
    const running = await runCommandLine(['status', id], env);
    expect([running.exitCode, running.stdout]).toEqual([
      0,
      expect.stringMatching(/Status +(Pending|Running)\nProgress/),
    ]);
    await runCommandLine(['watch', id], env);
    const { exitCode, stdout } = await runCommandLine(['status', id], env);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('Status     Completed\nCount')]);
    expect(await readStatus(id)).toMatchObject({ id, status: 'Completed', result: { count: Number(count) } });
  });

  it('result exits with 8 until the query ends, and then prints the count', async () => {
    slowDown();
    const id = await submit();
    const early = await runCommandLine(['result', id], env);
    expect([early.exitCode, early.stdout]).toEqual([8, '']);
    expect(early.stderr).toContain('There is no result yet.');
    await runCommandLine(['watch', id], env);
    expect(await runCommandLine(['result', id], env)).toMatchObject({ exitCode: 0, stdout: `${count}\n` });
  });

  it('watch --json prints a line per change, and the end last', async () => {
    slowDown();
    const { exitCode, stdout } = await runCommandLine(['watch', await submit(), '--json'], env);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Document);
    expect(exitCode).toBe(0);
    expect(events.length).toBeGreaterThan(2);
    expect(events.at(-1)).toMatchObject({ status: 'Completed', result: { count: Number(count) } });
    const percents = events.map(({ progress }) => progress.percent);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
  });

  it('terminate ends a query; result and watch then exit with 5', async () => {
    slowDown();
    const id = await submit();
    expect(await runCommandLine(['terminate', id], env)).toMatchObject({ exitCode: 0, stdout: 'Terminated\n' });
    expect(await runCommandLine(['terminate', id], env)).toMatchObject({
      exitCode: 0,
      stdout: 'It had already ended: Terminated\n',
    });
    for (const command of ['result', 'watch']) {
      const { exitCode, stdout, stderr } = await runCommandLine([command, id], env);
      expect([exitCode, stdout, stderr]).toEqual([5, '', expect.stringContaining('Terminated: The query was')]);
    }
    const { exitCode, stdout } = await runCommandLine(['result', id, '--json'], env);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([5, { id, error: { code: 'QUERY_TERMINATED' } }]);
  });

  it('submit --wait exits with 4 if the query fails', async () => {
    double.configure({ faults: [{ fault: { kind: 'status', status: 404, errorCode: 'TableNotFound' } }] });
    onTestFinished(() => double.configure({ faults: [] }));
    const { exitCode, stdout, stderr } = await runCommandLine(['submit', ...RANGE, '--wait'], env);
    expect([exitCode, stdout, stderr]).toEqual([4, '', expect.stringContaining('Failed: The table does not exist.')]);
  });

  it('list filters, pages, and prints the token of the next page', async () => {
    const since = new Date().toISOString();
    const ids = [await submit(), await submit(), await submit()].reverse();
    for (const id of ids) await runCommandLine(['watch', id], env);
    const all = ['list', '--created-after', since, '--status', 'Completed'];
    const { stdout } = await runCommandLine(all, env);
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toMatch(/^ID +STATUS +RANGE +DONE +COUNT +SUBMITTED$/);
    expect(lines.slice(1).map((line) => line.split(' ')[0])).toEqual(ids);
    const page = await runCommandLine([...all, '--page-size', '2'], env);
    const token = /--page-token (\S+)/.exec(page.stderr)?.[1] ?? '';
    const next = await runCommandLine([...all, '--page-size', '2', '--page-token', token], env);
    expect(next.stdout).toContain(ids[2]);
    const json = await runCommandLine([...all, '--page-size', '1', '--all', '--json'], env);
    const { items, nextPageToken } = JSON.parse(json.stdout) as { items: Document[]; nextPageToken: null };
    expect([items.map(({ id }) => id), nextPageToken]).toEqual([ids, null]);
    expect(await runCommandLine(['list', '--created-before', '2020-01-01', '--json'], env)).toMatchObject({
      stdout: '{"items":[],"nextPageToken":null}\n',
    });
  });
});

describe('exit codes', () => {
  it.each([
    ['2 for a day that does not exist', ['submit', '2021-02-30', '2021-03-01'], 2, 'a day that exists'],
    ['2 for a range that the service rejects', ['submit', '2021-03-02', '2021-03-01'], 2, '(QUERY_RANGE_INVALID)'],
    ['2 for an unknown option', ['list', '--statsu', 'Failed'], 2, 'Did you mean --status?'],
    ['2 for an unknown status', ['list', '--status', 'Cancelled'], 2, 'Allowed choices are Pending'],
    ['2 for an invalid id', ['status', '12'], 2, '32 hex digits'],
    ['3 for the status of an unknown query', ['status', UNKNOWN_ID], 3, '(QUERY_NOT_FOUND)'],
    ['3 for a watch of an unknown query', ['watch', UNKNOWN_ID], 3, '(QUERY_NOT_FOUND)'],
    ['3 for the result of an unknown query', ['result', UNKNOWN_ID], 3, '(QUERY_NOT_FOUND)'],
    ['3 for the termination of an unknown query', ['terminate', UNKNOWN_ID], 3, '(QUERY_NOT_FOUND)'],
    ['7 for a wrong path in the URL', ['list', '--url', 'URL/elsewhere'], 7, '(ROUTE_NOT_FOUND)'],
  ])('%s', async (_, args, exitCode, reason) => {
    const result = await runCommandLine(
      args.map((arg) => arg.replace('URL', api.url)),
      env,
    );
    expect([result.exitCode, result.stdout, result.stderr]).toEqual([exitCode, '', expect.stringContaining(reason)]);
  });

  it('7 after retries if no server listens', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: 1 });
    await proxy.stop();
    const args = ['list', '--json', '--url', `http://127.0.0.1:${proxy.port}`, '--retry-for'];
    const { exitCode, stdout, stderr } = await runCommandLine([...args, '1'], env);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([7, { error: { code: 'SERVICE_UNREACHABLE' } }]);
    expect(stderr).toMatch(/cannot be reached \(ECONNREFUSED\)\. Is it running\?.* Retrying in/);
    expect((await runCommandLine([...args, '0'], env)).stderr).not.toContain('Retrying');
  });
});

describe('a wait over a bad connection', () => {
  it('resumes the stream after a lost connection without repeating an event', async () => {
    slowDown();
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(api.url).port) });
    onTestFinished(() => proxy.stop());
    const throughProxy = { AUDIT_QUERY_URL: `http://127.0.0.1:${proxy.port}` };
    const run = startCommand(['watch', await submit(), '--json'], throughProxy);
    const countLines = () => run.stdout().split('\n').length - 1;
    for (const lines of [2, 4]) {
      await waitUntil('some events', countLines, (seen) => seen >= lines);
      const refused = proxy.refused;
      proxy.setMode('cut');
      await waitUntil(
        'it to come back',
        () => proxy.refused,
        (now) => now > refused,
      );
      proxy.setMode('pass');
    }
    expect(await run.exitCode).toBe(0);
    const lines = run.stdout().trim().split('\n');
    expect(new Set(lines).size).toBe(lines.length);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ status: 'Completed', result: { count: Number(count) } });
  });

  it('polls if a proxy holds streams back', async () => {
    slowDown(500);
    const proxy = await startBufferingProxy(api.url);
    onTestFinished(() => proxy.stop());
    const { exitCode, stdout } = await runCommandLine(
      ['submit', ...RANGE, '--wait', '--json', '--url', proxy.url],
      env,
    );
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { result: { count: Number(count) } }]);
    expect(proxy.paths.some((path) => path.endsWith('/events'))).toBe(true);
    expect(proxy.paths.some((path) => path.endsWith('?wait=10'))).toBe(true);
  });

  it('waits for Retry-After after a 429', async () => {
    const limited = await system.addApi({ POLLS_PER_MINUTE: '1', SUBMISSIONS_PER_MINUTE: '100' });
    await waitUntilReady(limited);
    const toLimited = { AUDIT_QUERY_URL: limited.url };
    const id = await submit();
    await runCommandLine(['status', id], toLimited);
    const refused = await runCommandLine(['status', id, '--retry-for', '0'], toLimited);
    expect([refused.exitCode, refused.stderr]).toEqual([7, expect.stringContaining('(RATE_LIMITED)')]);
    const run = startCommand(['status', id], toLimited);
    await waitUntil('it to wait', run.stderr, (text) => text.includes('Retrying in'));
    // Until the end of the window, which has just begun.
    expect(run.stderr()).toMatch(/Retrying in (\d+ s|1 min 0 s), for /);
    run.signal('SIGINT');
    expect(await run.exitCode).toBe(130);
  });
});

describe('Ctrl-C', () => {
  it('without a terminal leaves the query running and prints how to wait for it', async () => {
    slowDown();
    const run = startCommand(['submit', ...RANGE, '--wait'], env);
    const text = await waitUntil('the wait', run.stderr, (shown) => /Pending|Running/.test(shown));
    expect(text).not.toContain('terminate');
    run.signal('SIGINT');
    expect(await run.exitCode).toBe(130);
    const id = /audit-query watch ([0-9a-f]{32})\n/.exec(run.stderr())?.[1] ?? '';
    expect(await runCommandLine(['watch', id], env)).toMatchObject({ exitCode: 0, stdout: `${count}\n` });
  });

  it('SIGTERM leaves the query running with 143', async () => {
    slowDown();
    const id = await submit();
    const run = startCommand(['watch', id], env);
    await waitUntil('the wait', run.stderr, (shown) => /Pending|Running/.test(shown));
    run.signal('SIGTERM');
    expect(await run.exitCode).toBe(143);
    expect((await readStatus(id)).status).toMatch(/Pending|Running/);
  });

  it.each([
    ['t terminates it: 5', 't\r', 5, 'Terminated'],
    ['l leaves it running: 130', 'l\r', 130, 'Running'],
    ['a second Ctrl-C leaves it running: 130', '\u0003', 130, 'Running'],
    ['Ctrl-D leaves it running: 130', '\u0004', 130, 'Running'],
  ])('in a terminal asks what to do with the query; %s', async (_, typed, exitCode, status) => {
    slowDown(300);
    const id = await submit();
    const run = startInTerminal(['watch', id], env);
    await waitUntil('the bar', run.stdout, (shown) => /█.*% .*of 20 days/.test(shown));
    run.type('\u0003');
    await waitUntil('the question', run.stdout, (shown) => shown.includes('(w)aiting? '));
    run.type(typed);
    expect(await run.exitCode).toBe(exitCode);
    expect((await readStatus(id)).status).toBe(status);
    await runCommandLine(['terminate', id], env);
  });

  it('in a terminal keeps waiting after w, and asks again at the next Ctrl-C', async () => {
    slowDown(300);
    const id = await submit();
    const run = startInTerminal(['watch', id], env);
    const countQuestions = () => run.stdout().split('(w)aiting? ').length - 1;
    await waitUntil('the bar', run.stdout, (shown) => /█.*% .*of 20 days/.test(shown));
    run.type('\u0003');
    await waitUntil('the question', countQuestions, (questions) => questions === 1);
    const before = run.stdout().length;
    run.type('w\r');
    await waitUntil('the bar', run.stdout, (shown) => shown.slice(before).includes('█'));
    run.type('\u0003');
    await waitUntil('another question', countQuestions, (questions) => questions === 2);
    run.type('t\r');
    expect(await run.exitCode).toBe(5);
  });
});

describe('Ctrl-C through npx', () => {
  it.each([
    ['t terminates it: 5', 't\r', 5, 'Terminated'],
    ['l leaves it running: 130', 'l\r', 130, 'Running'],
  ])('asks what to do with the query; %s', async (_, typed, exitCode, status) => {
    slowDown(2_000);
    const id = await submit();
    const run = startThroughNpm(['watch', id], env);
    await waitUntil('the bar', run.stdout, (shown) => /█.*% .*of 20 days/.test(shown));
    run.type('\u0003');
    await waitUntil('the question', run.stdout, (shown) => shown.includes('(w)aiting? '));
    run.type(typed);
    expect(await run.exitCode).toBe(exitCode);
    expect((await readStatus(id)).status).toBe(status);
    await runCommandLine(['terminate', id], env);
  });
});

describe('a long wait in a process with frequent garbage collection', () => {
  it('ends at a --timeout of more than 15 s', async () => {
    const workerless = await system.addApi({ KEY_PREFIX: `{t-${randomUUID()}}` });
    await waitUntilReady(workerless);
    const { exitCode, stdout, stderr } = await runCommandLine(
      ['submit', ...RANGE, '--wait', '--timeout', '16', '--url', workerless.url],
      { NODE_OPTIONS: `--require=${resolve('test/support/preload-gc.cjs')}` },
    );
    expect([exitCode, stdout, stderr]).toEqual([8, '', expect.stringContaining('(WAIT_TIMEOUT)')]);
  }, 40_000);
});

describe('a terminal', () => {
  it('shows a coloured bar and then the count', async () => {
    slowDown();
    const run = startInTerminal(['submit', ...RANGE, '--wait'], env);
    expect(await run.exitCode).toBe(0);
    const shown = run.stdout().replaceAll('\u001b', 'ESC');
    expect(shown).toMatch(/ESC\[KESC\[36m█+░* +\d+\.\d % {2}\d+ of 20 days {2}[\d,]+ entities/);
    expect(run.stdout()).toMatch(new RegExp(`\\):\\r\\n${count}\\r\\n$`));
  });

  it('shows no colour with NO_COLOR, and no bar with TERM=dumb', async () => {
    slowDown();
    const colourless = startInTerminal(['submit', ...RANGE, '--wait'], { ...env, NO_COLOR: '1' });
    expect(await colourless.exitCode).toBe(0);
    expect(colourless.stdout()).toContain('█');
    expect(colourless.stdout()).not.toContain('\u001b[3');
    const dumb = startInTerminal(['submit', ...RANGE, '--wait'], { ...env, TERM: 'dumb' });
    expect(await dumb.exitCode).toBe(0);
    expect(dumb.stdout()).not.toContain('\u001b');
  });
});

describe('credentials', () => {
  it('come from the environment, a file, standard input or the configuration file', async () => {
    const [key, otherKey] = [createKey(), createKey()];
    const keys = await createApiKeyFile({ reporting: [key], other: [otherKey] });
    onTestFinished(() => keys.remove());
    const guarded = await system.addApi(keys.env);
    await waitUntilReady(guarded);
    const folder = await mkdtemp(join(tmpdir(), 'audit-query-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const keyFile = join(folder, 'key');
    await writeFile(keyFile, `${key}\n`);
    const config = join(folder, 'audit-query', 'config.json');
    await mkdir(join(folder, 'audit-query'));
    await writeFile(config, JSON.stringify({ url: guarded.url, apiKey: key }), { mode: 0o600 });
    const url = { AUDIT_QUERY_URL: guarded.url };

    const submitted = await runCommandLine(['submit', ...RANGE], { ...url, AUDIT_QUERY_API_KEY: key });
    const id = submitted.stdout.trim();
    for (const [args, given, input] of [
      [[], { ...url, AUDIT_QUERY_TOKEN: key }, ''],
      [[], { ...url, AUDIT_QUERY_API_KEY_FILE: keyFile }, ''],
      [['--api-key-file', keyFile], { ...url, AUDIT_QUERY_API_KEY: otherKey }, ''],
      [['--api-key-file', '-'], url, `${key}\n`],
      [['--token-file', '-'], url, key],
      [[], { XDG_CONFIG_HOME: folder }, ''],
      [[], { AUDIT_QUERY_CONFIG: config }, ''],
    ] as [string[], Record<string, string>, string][]) {
      expect(await runCommandLine(['status', id, ...args], given, input), args.join()).toMatchObject({ exitCode: 0 });
    }
    const none = await runCommandLine(['status', id], url);
    expect([none.exitCode, none.stderr]).toEqual([6, expect.stringContaining('(UNAUTHENTICATED)')]);
    const wrong = await runCommandLine(['submit', ...RANGE, '--wait'], { ...url, AUDIT_QUERY_API_KEY: createKey() });
    expect(wrong.exitCode).toBe(6);
    const ofAnother = await runCommandLine(['status', id], { ...url, AUDIT_QUERY_API_KEY: otherKey });
    expect(ofAnother.exitCode).toBe(3);
    await chmod(config, 0o644);
    const open = await runCommandLine(['status', id], { XDG_CONFIG_HOME: folder });
    expect([open.exitCode, open.stderr]).toEqual([2, expect.stringContaining('chmod 600')]);
    expect(open.stderr + none.stderr + wrong.stderr).not.toContain(key);
  });
});
