import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CommandFailedError } from '../../apps/cli/src/command-failed-error';
import { followQuery } from '../../apps/cli/src/service/follow-query';
import { ServiceClient } from '../../apps/cli/src/service/service-client';
import { runCommandLine, startCommand, startInShell } from '../support/run-command-line';
import { readCommands } from '../support/readme-commands';
import { waitUntil } from '../support/wait-until';

const ID = '0123456789abcdef0123456789abcdef';

/** The members of a status document that the command prints. */
const RUNNING = {
  id: ID,
  status: 'Running',
  request: { start: '2021-10-10', end: '2021-12-10', maxAgeSeconds: 0 },
  progress: { percent: 1, daysDone: 1, daysTotal: 62, entitiesRead: 9, atLeast: 3, etaSeconds: null },
  result: null,
  error: null,
  ...{ createdAt: null, startedAt: null, finishedAt: null, expiresAt: null },
};

type Reply = (request: IncomingMessage, response: ServerResponse) => void;

const toJson = (status: number, body: object, headers: Record<string, string> = {}): Reply => {
  return (_, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

const toProblem = (status: number, code: string, headers: Record<string, string> = {}) =>
  toJson(status, { code, detail: 'Why.' }, headers);

const toQuery = (status: string, headers: Record<string, string> = { 'retry-after': '1' }) =>
  toJson(200, { ...RUNNING, status }, headers);

const toStream =
  (text: string): Reply =>
  (_, response) =>
    void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);

/** A server that sends the replies in their order and records the requests. */
async function startScript(...script: Reply[]) {
  const asked: { path: string; headers: IncomingMessage['headers']; atMs: number }[] = [];
  const server = createServer((request, response) => {
    request.resume();
    asked.push({ path: request.url ?? '', headers: request.headers, atMs: performance.now() });
    const reply = script[asked.length - 1] ?? toProblem(400, 'SCRIPT_OVER');
    reply(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(stop);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const retries: string[] = [];
  const onRetry = ({ code }: CommandFailedError) => void retries.push(code);
  const credential = { kind: 'token' as const, value: 'secret' };
  const { signal } = new AbortController();
  return {
    asked,
    url,
    stop,
    retries,
    service: new ServiceClient({ url, credential }, { retryMs: 5_000, onRetry }, signal),
  };
}

/** A port of this machine without a listener. */
async function findRefusingPort(): Promise<string> {
  const { url, stop } = await startScript();
  stop();
  return new URL(url).port;
}

async function follow(service: ServiceClient): Promise<string[]> {
  const statuses: string[] = [];
  for await (const { status } of followQuery(service, ID, new AbortController().signal)) statuses.push(status);
  return statuses;
}

describe('a request of the command line', () => {
  it.each([
    ['503 with Retry-After', toProblem(503, 'SERVICE_UNAVAILABLE', { 'retry-after': '1' }), 'SERVICE_UNAVAILABLE', 990],
    ['429 with Retry-After', toProblem(429, 'RATE_LIMITED', { 'retry-after': '1' }), 'RATE_LIMITED', 990],
    ['502 of a proxy', (_: unknown, response: ServerResponse) => void response.writeHead(502).end('<html>'), 'UNEXPLAINED', 100], // prettier-ignore
    ['a lost connection', (request: IncomingMessage) => void request.destroy(), 'SERVICE_UNREACHABLE', 100],
    ['a body that is cut off', (_: unknown, response: ServerResponse) => void response.writeHead(200, { 'content-length': '99' }).write('{', () => response.destroy()), 'SERVICE_UNREACHABLE', 100], // prettier-ignore
  ] as [string, Reply, string, number][])('is retried after %s', async (_, reply, code, leastMs) => {
    const { service, asked, retries } = await startScript(reply, toQuery('Running'));
    expect(await service.read(ID)).toMatchObject({ status: 'Running' });
    expect(retries).toEqual([code]);
    expect((asked[1]?.atMs ?? 0) - (asked[0]?.atMs ?? 0)).toBeGreaterThan(leastMs);
  });

  it('backs off although Retry-After is 0', async () => {
    const busy = toProblem(503, 'SERVICE_UNAVAILABLE', { 'retry-after': '0' });
    const { service, asked } = await startScript(busy, busy, busy, toQuery('Running'));
    expect(await service.read(ID)).toMatchObject({ status: 'Running' });
    const gaps = asked.slice(1).map(({ atMs }, i) => atMs - (asked[i]?.atMs ?? 0));
    // Half of 250, 500 and 1,000 ms: the random part is the other half.
    for (const [i, leastMs] of [124, 249, 499].entries()) expect(gaps[i]).toBeGreaterThan(leastMs);
  });

  it('is not retried after a permanent failure, nor beyond the time limit', async () => {
    const failing = [
      [toProblem(400, 'REQUEST_INVALID'), 'REQUEST_INVALID'],
      [toProblem(503, 'SERVICE_UNAVAILABLE', { 'retry-after': '3600' }), 'SERVICE_UNAVAILABLE'],
      [(_: unknown, response: ServerResponse) => void response.writeHead(200).end('<html>'), 'NOT_THE_SERVICE'],
    ] as [Reply, string][];
    for (const [reply, code] of failing) {
      const { service, asked } = await startScript(reply);
      await expect(service.read(ID)).rejects.toMatchObject({ code });
      expect(asked).toHaveLength(1);
    }
  });

  it('does not send its credential to the target of a redirect', async () => {
    const other = await startScript();
    const { service, asked } = await startScript((_, response) => {
      response.writeHead(302, { location: other.url }).end();
    });
    await expect(service.read(ID)).rejects.toMatchObject({ code: 'NOT_THE_SERVICE' });
    expect(asked[0]?.headers.authorization).toBe('Bearer secret');
    expect(other.asked).toEqual([]);
  });
});

describe('an answer of a hostile server', () => {
  // Set the title, clear the screen, move the cursor, reorder the text; U+009B is ESC [ in one character.
  const HOSTILE = '\u001b]0;owned\u0007\u001b[2J\u009b2J\rfake\u202e';
  // A terminal executes raw control characters; it prints escaped ones.
  const CONTROLS = /(?!\n)[\p{Cc}\u202e]/u;
  const hostileQuery = {
    ...RUNNING,
    status: 'Failed',
    request: { ...RUNNING.request, start: `2021${HOSTILE}`, end: HOSTILE },
    error: { code: 'TABLE_NOT_FOUND', message: `No table.${HOSTILE}` },
    [HOSTILE]: HOSTILE,
  };
  const event = `id: r${HOSTILE.replace('\r', '')}\ndata: ${JSON.stringify(hostileQuery)}\n\n`;

  it.each<[string[], Reply]>([
    [['status', ID], toJson(200, hostileQuery)],
    [['result', ID], toJson(200, hostileQuery)],
    [['status', ID, '--json'], toJson(200, hostileQuery)],
    [['list'], toJson(200, { items: [hostileQuery], nextPageToken: null })],
    [['list', '--json'], toJson(200, { items: [hostileQuery], nextPageToken: null })],
    [['watch', ID], toStream(event)],
    [['watch', ID, '--json'], toStream(event)],
    [['terminate', ID], toJson(200, hostileQuery)],
    [['status', ID], toJson(400, { code: 'REQUEST_INVALID', detail: `No.${HOSTILE}` })],
    [['status', ID, '--json'], toJson(400, { code: 'REQUEST_INVALID', detail: `No.${HOSTILE}` })],
  ])('puts no control character on the terminal: %s', async (args, reply) => {
    const { url } = await startScript(reply);
    const { stdout, stderr } = await runCommandLine([...args, '--url', url]);
    expect(stdout + stderr).toMatch(/owned|Failed/);
    expect(stdout + stderr).not.toMatch(CONTROLS);
  });

  it.each<[string, string[], object]>([
    ['an invalid id', ['status', ID], { ...RUNNING, id: '$(reboot)' }],
    ['an unknown status', ['status', ID], { ...RUNNING, status: 'Done' }],
    ['an error with an invalid code', ['status', ID], { ...RUNNING, error: { code: 'a b', message: '' } }],
    ['no progress', ['status', ID], { ...RUNNING, progress: null }],
    ['an invalid time', ['status', ID], { ...RUNNING, createdAt: 'now' }],
    ['an array', ['status', ID], []],
    ['an invalid id in a list', ['list'], { items: [{ ...RUNNING, id: 'x' }], nextPageToken: null }],
    ['a page token with a shell command', ['list'], { items: [], nextPageToken: '; reboot' }],
  ])('is rejected with NOT_THE_SERVICE: %s', async (_, args, body) => {
    const { url } = await startScript(toJson(200, body));
    const { exitCode, stdout, stderr } = await runCommandLine([...args, '--url', url]);
    expect([exitCode, stdout, stderr]).toEqual([7, '', expect.stringContaining('(NOT_THE_SERVICE)')]);
  });

  it('cannot choose an error code with blanks', async () => {
    const { url } = await startScript(toJson(400, { code: 'fine) all is well', detail: 'No.' }));
    const { exitCode, stderr } = await runCommandLine(['status', ID, '--url', url]);
    expect([exitCode, stderr]).toEqual([7, expect.stringContaining('(NOT_THE_SERVICE)')]);
  });

  it('cannot make list --all loop forever', async () => {
    const page = toJson(200, { items: [RUNNING], nextPageToken: '1-0' });
    const { url, asked } = await startScript(page, page);
    const { exitCode, stdout, stderr } = await runCommandLine(['list', '--all', '--url', url]);
    expect([exitCode, stdout, stderr]).toEqual([7, '', expect.stringContaining('(PAGE_TOKEN_REPEATED)')]);
    expect(asked).toHaveLength(2);
  });
});

describe('a submission without a confirmation', () => {
  const page = (status: number): Reply => {
    return (_, response) => void response.writeHead(status, { 'content-type': 'text/html' }).end('<html>');
  };

  it.each<[string, Reply]>([
    ['a lost connection', (request) => void request.destroy()],
    ['503 of the service, whose Redis may have stored the query', toProblem(503, 'SERVICE_UNAVAILABLE')],
    ['500 of the service', toProblem(500, 'INTERNAL_ERROR')],
    ['502 of a gateway', page(502)],
    ['504 of a gateway', page(504)],
    ['a page instead of the answer', page(200)],
  ])('prints the idempotency key: %s', async (_, reply) => {
    const { url, asked } = await startScript(reply);
    const { exitCode, stdout, stderr } = await runCommandLine(
      ['submit', '2021-10-10', '2021-12-10', '--retry-for', '0', '--url', url],
      {},
    );
    const key = asked[0]?.headers['idempotency-key'];
    expect([exitCode, stdout]).toEqual([7, '']);
    expect(stderr).toContain(`submit it again with --idempotency-key ${String(key)} to get the same query.`);
  });

  it('prints two lines without a key if no connection was established', async () => {
    const args = ['2021-10-10', '2021-12-10', '--url', `http://127.0.0.1:${await findRefusingPort()}`];
    for (const command of ['submit', 'list']) {
      const range = command === 'submit' ? args : args.slice(2);
      const { exitCode, stdout, stderr } = await runCommandLine([command, ...range, '--retry-for', '2']);
      const reason =
        'cannot be reached (ECONNREFUSED). Is it running? Set AUDIT_QUERY_URL or --url to its URL, or run npm start.';
      const [retry, error, ...others] = stderr.split('\n');
      expect([exitCode, stdout, others]).toEqual([7, '', ['']]);
      expect(retry).toMatch(/^127\.0\.0\.1:\d+ .* Retrying in 1 s, for at most 2 s\.$/);
      expect(retry).toContain(reason);
      expect(error).toMatch(/^audit-query: 127\.0\.0\.1:\d+ /);
      expect(error).toContain(`${reason} (SERVICE_UNREACHABLE)`);
    }
  });

  it('prints no key if it is interrupted before a connection was established', async () => {
    const run = startCommand([
      'submit',
      '2021-10-10',
      '2021-12-10',
      '--url',
      `http://127.0.0.1:${await findRefusingPort()}`,
    ]);
    await waitUntil('the first refusal', run.stderr, (text) => text.includes('Retrying'));
    run.signal('SIGINT');
    expect([await run.exitCode, run.stderr()]).toEqual([
      130,
      expect.stringMatching(/\naudit-query: Interrupted\. \(INTERRUPTED\)\n$/),
    ]);
  });

  it('prints the key if the first connection was lost and the next ones were refused', async () => {
    const { url, asked, stop } = await startScript((request) => {
      stop();
      request.destroy();
    });
    const { exitCode, stderr } = await runCommandLine([
      'submit',
      '2021-10-10',
      '2021-12-10',
      '--retry-for',
      '2',
      '--url',
      url,
    ]);
    expect([exitCode, stderr]).toEqual([
      7,
      expect.stringContaining(`--idempotency-key ${String(asked[0]?.headers['idempotency-key'])}`),
    ]);
  });

  it('prints no key if the service rejects the submission', async () => {
    const { url } = await startScript(toProblem(400, 'REQUEST_INVALID'));
    const { exitCode, stderr } = await runCommandLine(['submit', '2021-10-10', '2021-12-10', '--url', url]);
    expect([exitCode, stderr]).toEqual([2, expect.not.stringContaining('--idempotency-key')]);
  });
});

describe.skipIf(!existsSync('/dev/full'))('output that cannot be written', () => {
  it.each(['completion bash', '--help', '--version'])('exits with 1 and the reason: %s', async (args) => {
    const run = startInShell(`audit-query ${args} > /dev/full`);
    expect([await run.exitCode, run.stderr()]).toEqual([
      1,
      'audit-query: The output cannot be written (ENOSPC). (OUTPUT_FAILED)\n',
    ]);
  });

  it('does not change the exit code if only stderr fails', async () => {
    const { url } = await startScript(toJson(202, { ...RUNNING, status: 'Pending' }));
    const run = startInShell(`audit-query submit 2021-10-10 2021-12-10 --url ${url} 2> /dev/full`);
    expect([await run.exitCode, run.stdout()]).toEqual([0, `${ID}\n`]);
  });

  it('exits with 0 if the reader closes the pipe', async () => {
    // `true` exits before the command writes.
    const run = startInShell('{ audit-query completion bash; echo $? >&2; } | true');
    await run.exitCode;
    expect(run.stderr()).toBe('0\n');
  });
});

describe('a signal during the read of a credential', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('ends the command: %s', async (signal, exitCode) => {
    const folder = await mkdtemp(join(tmpdir(), 'audit-query-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const pipe = join(folder, 'key');
    execFileSync('mkfifo', [pipe]);
    const run = startCommand(['list', '--api-key-file', pipe]);
    // Opens as soon as the command blocks on the read of the pipe.
    const writer = await open(pipe, 'w');
    run.signal(signal);
    const ended = await Promise.race([run.exitCode, delay(10_000, 'still reading')]);
    await writer.close();
    expect(ended).toBe(exitCode);
    await run.exitCode;
  });
});

describe('the command of the README', () => {
  it('never runs a package of the registry with the same name, in another folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'audit-query-elsewhere-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const paths: string[] = [];
    const registry = createServer((request, response) => {
      paths.push(request.url ?? '');
      const dist = { tarball: `${url}/stranger.tgz`, shasum: '0'.repeat(40) };
      const version = { name: 'audit-query', version: '9.0.0', bin: { 'audit-query': 'main.js' }, dist };
      const document = { name: 'audit-query', 'dist-tags': { latest: '9.0.0' }, versions: { '9.0.0': version } };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    });
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void registry.close());
    const url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
    const [program = '', ...words] =
      readCommands()
        .find((command) => command.startsWith('npx '))
        ?.split(/(?<=audit-query) /)[0]
        ?.split(' ') ?? [];
    // An empty cache, and none of the variables that npm set for this run.
    const env = {
      ...{ PATH: process.env['PATH'], HOME: folder, npm_config_cache: folder, npm_config_fetch_retries: '0' },
      npm_config_registry: url,
    };
    const [exitCode, stderr] = await new Promise<[unknown, string]>((resolve) => {
      const options = { cwd: folder, env };
      execFile(program, [...words, '--version'], options, (error, _, text) => resolve([error?.code ?? 0, text]));
    });
    expect(exitCode).not.toBe(0);
    expect(stderr).not.toContain('will be installed');
    expect(paths).not.toContain('/stranger.tgz');
  }, 60_000);
});

describe('the arguments and messages', () => {
  const empty = toJson(200, { items: [], nextPageToken: null });

  it('allow options before the command', async () => {
    const { url, asked } = await startScript(empty);
    const run = await runCommandLine(['--url', url, '--json', '--status', 'Failed', 'list', '--page-size', '3']);
    expect(run).toEqual({ exitCode: 0, stdout: '{"items":[],"nextPageToken":null}\n', stderr: '' });
    expect(asked[0]?.path).toBe('/api/queries?pageSize=3&status=Failed');
  });

  it('say that a list is empty', async () => {
    const { url } = await startScript(empty);
    const run = await runCommandLine(['list', '--url', url]);
    expect(run).toEqual({ exitCode: 0, stdout: '', stderr: 'No queries found.\n' });
  });

  it.each<[string[], RegExp]>([
    [['lsit'], /^audit-query: unknown command 'lsit'\n\(Did you mean list\?\)\nAll options: audit-query --help\n$/],
    [['list', '--statsu', 'x'], /^audit-query: unknown option '--statsu'\n.*\nAll options: audit-query list --help\n$/],
    [['--frob', 'list'], /^audit-query: unknown option '--frob'\nAll options: audit-query list --help\n$/],
    [['list', '--url', 'x'], /^audit-query: --url must be like https:.*\(SETTINGS_INVALID\)\n$/],
    [['list', '--api-key-file', '/dev/null'], /^audit-query: The API key of --api-key-file must be one line/],
  ])('report a usage error with one prefix, the typed names and a hint: %j', async (args, stderr) => {
    expect(await runCommandLine(args)).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(stderr) as string,
    });
  });

  it('use the names of options in a rejection of the service', async () => {
    const detail = 'createdAfter must be a time, pageToken must be one that a page of this list gave';
    const { url } = await startScript(toJson(400, { code: 'REQUEST_INVALID', detail }));
    const { stderr } = await runCommandLine(['list', '--created-after', 'x', '--url', url]);
    expect(stderr).toContain('audit-query: --created-after must be a time, --page-token must be one');
  });
});

describe('a wait in a process with frequent garbage collection', () => {
  const collecting = { NODE_OPTIONS: `--require=${resolve('test/support/preload-gc.cjs')}` };
  const openStream: Reply = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`event: progress\nid: r1\ndata: ${JSON.stringify(RUNNING)}\n\n`);
  };
  const none = toStream('');
  const silent: Reply = () => {};

  it.each<[string, Reply[]]>([
    ['an event stream', [openStream]],
    ['a long poll', [none, none, none, silent]],
    ['a pause before the next request', [none, none, none, toJson(200, RUNNING, { 'retry-after': '60' })]],
  ])(
    'ends with --timeout, SIGINT and SIGTERM: %s',
    async (_, script) => {
      for (const [signal, exitCode] of [
        [undefined, 8],
        ['SIGINT', 130],
        ['SIGTERM', 143],
      ] as const) {
        const { url, asked } = await startScript(...script);
        const args = ['watch', ID, '--url', url, ...(signal === undefined ? ['--timeout', '5'] : [])];
        const run = startCommand(args, collecting);
        onTestFinished(() => run.signal('SIGKILL'));
        await waitUntil(
          'the last request',
          () => asked.length,
          (requests) => requests === script.length,
        );
        // Several garbage collections while no data arrives.
        await delay(1_000);
        if (signal !== undefined) run.signal(signal);
        expect(await Promise.race([run.exitCode, delay(8_000, 'still waiting')]), signal).toBe(exitCode);
      }
    },
    60_000,
  );
});

describe('followQuery', () => {
  const running = `event: progress\nid: r1\ndata: ${JSON.stringify(RUNNING)}\n\n`;
  const completed = `event: end\nid: r2\ndata: ${JSON.stringify({ ...RUNNING, status: 'Completed' })}\n\n`;

  it('resumes a stream that ends before the query with the latest id', async () => {
    const { service, asked } = await startScript(toStream(running), toStream(''), toStream(completed));
    expect(await follow(service)).toEqual(['Running', 'Completed']);
    expect(asked.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'r1', 'r1']);
  });

  it('polls after empty streams, and waits for Retry-After', async () => {
    const none = toStream('');
    const unchanged: Reply = (_, response) => void response.writeHead(304, { etag: '"r1"', 'retry-after': '1' }).end();
    const { service, asked } = await startScript(
      ...[none, none, none],
      ...[toQuery('Running', { etag: '"r1"', 'retry-after': '1' }), unchanged, toQuery('Completed')],
    );
    expect(await follow(service)).toEqual(['Running', 'Completed']);
    const polls = asked.slice(3);
    expect(polls.map(({ path }) => path)).toEqual(Array(3).fill(`/api/queries/${ID}?wait=10`));
    expect(polls.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"r1"', '"r1"']);
    for (const i of [1, 2]) expect((polls[i]?.atMs ?? 0) - (polls[i - 1]?.atMs ?? 0)).toBeGreaterThan(990);
  });

  it('waits between polls although Retry-After is 0', async () => {
    const none = toStream('');
    const { service, asked } = await startScript(
      ...[none, none, none],
      ...[toQuery('Running', { 'retry-after': '0' }), toQuery('Completed')],
    );
    expect(await follow(service)).toEqual(['Running', 'Completed']);
    expect((asked[4]?.atMs ?? 0) - (asked[3]?.atMs ?? 0)).toBeGreaterThan(990);
  });

  it('uses plain polls if a proxy times out a long poll', async () => {
    const none = toStream('');
    const timedOut: Reply = (_, response) => void response.writeHead(504, { 'retry-after': '60' }).end();
    const { service, asked } = await startScript(none, none, none, timedOut, toQuery('Completed'));
    expect(await follow(service)).toEqual(['Completed']);
    expect(asked.at(-1)?.path).toBe(`/api/queries/${ID}`);
  });

  it('throws if the query or the credential becomes invalid', async () => {
    for (const [status, code] of [
      [404, 'QUERY_NOT_FOUND'],
      [401, 'UNAUTHENTICATED'],
    ] as const) {
      // prettier-ignore
      const { service } = await startScript(toStream(running), toProblem(status, code));
      await expect(follow(service)).rejects.toMatchObject({ code });
    }
  });
});
