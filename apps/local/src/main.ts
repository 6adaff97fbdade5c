import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAzurite } from './azurite';
import { toCommands } from './commands';
import { connectTable, loadTable } from './load-table';
import { LOOPBACK, PortUnusableError } from './ports';
import { RedisUnusableError, startRedis } from './redis-server';
import { EXAMPLE_QUERY, generateSampleData, SAMPLE_DAYS } from './sample-data';
import { ProcessEndedError, ServiceProcess } from './service-process';
import { type Api, chooseApiPorts, startApi, startWorker } from './services';
import { showStep } from './show-step';

const TABLE_NAME = 'audit';

/** Where the command line looks by itself. */
const COMMAND_LINE_PORT = 3_000;

/** npm hands on a Ctrl-C that the terminal has sent us already; a person takes longer for a second one. */
const SECOND_SIGNAL_AFTER_MS = 1_000;

/** What has been started. The services depend on the stores and are stopped before them. */
class Run {
  private readonly starting: Promise<unknown>[] = [];
  private readonly services: ServiceProcess[] = [];
  private readonly stores: { process?: ServiceProcess; stop(): Promise<void> }[] = [];
  private reportDeath: (error: unknown) => void = () => undefined;
  /** Rejects when one of them ends on its own. */
  readonly death = new Promise<never>((_resolve, reject) => (this.reportDeath = reject));

  constructor(readonly folder: string) {}

  service<T extends ServiceProcess | Api>(start: Promise<T>): Promise<T> {
    return this.background(
      start.then((service) => {
        const started = service instanceof ServiceProcess ? service : service.process;
        this.services.push(started);
        started.failWhenEnded().catch(this.reportDeath);
        return service;
      }),
    );
  }

  store<T extends { process?: ServiceProcess; stop(): Promise<void> }>(start: Promise<T>): Promise<T> {
    return this.background(
      start.then((store) => {
        this.stores.push(store);
        store.process?.failWhenEnded().catch(this.reportDeath);
        return store;
      }),
    );
  }

  /** Work that is waited for later, and before anything is stopped. */
  background<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined);
    this.starting.push(work);
    return work;
  }

  async stop(): Promise<void> {
    // Whatever is still starting has been told to stop, and cleans up after itself.
    await Promise.allSettled(this.starting);
    await Promise.all(this.services.map((service) => service.stop()));
    await Promise.all(this.stores.map((store) => store.stop()));
    await rm(this.folder, { recursive: true, force: true });
  }

  kill(): void {
    for (const service of this.services) service.kill();
  }
}

async function start(run: Run, signal: AbortSignal): Promise<Api> {
  // Before anything takes time.
  await chooseApiPorts();
  const { folder } = run;
  const url = process.env['REDIS_URL'] || undefined;
  // Redis is the first step: its line is the one that is being written.
  const redis = run.store(startRedis({ url, signal, onRetry: (reason) => process.stdout.write(`${reason} `) }));
  const azurite = run.store(startAzurite({ signal }));
  let percent = 0;
  const onProgress = (loaded: number, total: number) => (percent = Math.floor((loaded / total) * 100));
  const loading = run.background(azurite.then(({ connectionString }) => load(connectionString, signal, onProgress)));
  const api = run.service(redis.then((server) => startApi({ redis: server, folder, signal })));
  const worker = run.service(
    Promise.all([redis, azurite, api]).then(([server, { connectionString }, startedApi]) =>
      startWorker({
        redis: server,
        folder,
        signal,
        api: startedApi,
        tableConnectionString: connectionString,
        tableName: TABLE_NAME,
      }),
    ),
  );
  await showStep('Redis', redis, ({ description }) => description);
  await showStep('Azurite', azurite, ({ port }) => `table service at ${LOOPBACK}:${port}, in memory`);
  await showStep('Sample data', loading, toLoadedText, () => `${percent} %`);
  await showStep('apps/api', api, () => 'ready');
  await showStep('apps/worker', worker, () => 'ready');
  return api;
}

async function load(
  connectionString: string,
  signal: AbortSignal,
  onProgress: (loaded: number, total: number) => void,
): Promise<number> {
  const entities = generateSampleData();
  await loadTable(connectTable(connectionString, TABLE_NAME), entities, { signal, onProgress });
  return entities.length;
}

function toLoadedText(size: number): string {
  return `${size} entities of ${SAMPLE_DAYS[0]} to ${SAMPLE_DAYS.at(-1)} in the table ${TABLE_NAME}`;
}

function toWelcome({ port, operatorPort }: Api, folder: string): string {
  const origin = `http://${LOOPBACK}:${port}`;
  const { submit, follow, result } = toCommands(origin);
  const { start, end, count } = EXAMPLE_QUERY;
  const url = port === COMMAND_LINE_PORT ? '' : ` --url ${origin}`;
  return `
Paste these into another terminal, one after the other.

Submit a query; the answer is 202 and says in Location where the result will be:

${submit}

Follow it; Retry-After says when to ask again:

${follow}

Wait for the result, which is ${count}:

${result}

Command line   npx --no-install audit-query${url} submit ${start} ${end} --wait
Status page    ${origin}/api/queries/ID, in a browser, with an id from above
Documentation  ${origin}/api/docs
Dashboard      http://${LOOPBACK}:${operatorPort}/queues
Logs           ${join(folder, '{api,worker}.log')}

Ctrl-C stops it all.
`;
}

/** Requests to this machine never go through a proxy, here and in whatever is started. */
function bypassProxy(): void {
  const names = process.env['NO_PROXY'] || process.env['no_proxy'];
  process.env['NO_PROXY'] = process.env['no_proxy'] = names ? `${names},${LOOPBACK}` : LOOPBACK;
}

function report(error: unknown): void {
  if (error instanceof ProcessEndedError) {
    console.error(`\n${error.message}${error.output === '' ? '' : ` It printed last:\n\n${error.output}`}`);
  } else {
    const isForPeople = error instanceof PortUnusableError || error instanceof RedisUnusableError;
    console.error('\n%s', isForPeople ? error.message : error);
  }
}

/** @returns The exit code. */
async function runUntilSignal(): Promise<number> {
  bypassProxy();
  const run = new Run(await mkdtemp(join(tmpdir(), 'audit-query-')));
  const ending = new AbortController();
  let signalledAt = Infinity;
  const end = () => {
    if (performance.now() > signalledAt + SECOND_SIGNAL_AFTER_MS) run.kill();
    signalledAt = Math.min(signalledAt, performance.now());
    ending.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, end);
  const signalled = new Promise<void>((resolve) => ending.signal.addEventListener('abort', () => resolve()));

  run.death.catch(() => undefined);
  let exitCode = 0;
  try {
    const started = start(run, ending.signal).then((api) => console.log(toWelcome(api, run.folder)));
    started.catch(() => undefined);
    await Promise.race([signalled, run.death, started.then(() => signalled)]);
  } catch (error) {
    if (!ending.signal.aborted) {
      report(error);
      exitCode = 1;
      ending.abort();
    }
  }
  process.stdout.write('\n');
  await showStep('Stopping', run.stop(), () => 'all stopped.');
  return exitCode;
}

// A terminal that has gone away is no reason to leave anything running.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

void runUntilSignal().then((exitCode) => process.exit(exitCode));
