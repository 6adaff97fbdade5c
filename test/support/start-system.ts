import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { inject } from 'vitest';
import { QueryClient } from './conversation';
import { type ServiceProcess, startApi, startWorker, waitUntilReady } from './service-processes';
import type { FaultRule } from './table-double/fault-rules';
import type { GeneratedRows } from './table-double/generated-table';
import { startTableDouble } from './table-double/start-table-double';
import type { TableDouble } from './table-double/table-double';

/** Beyond the default grace period of 25 s. */
const END_LIMIT_MS = 60_000;

export interface SystemOptions {
  /** Default: the Redis of the test run. */
  redisUrl?: string;
  /** Rows of the table `audit` of a table double; absent: no double, and `workerEnv` names the table. */
  rows?: GeneratedRows;
  /** Of the double, from its start on. */
  faults?: readonly FaultRule[];
  /** Variables of every process. `KEY_PREFIX` is unique unless it is given. */
  env?: Record<string, string>;
  apiEnv?: Record<string, string>;
  workerEnv?: Record<string, string>;
  /** How many workers to start; default 0. */
  workers?: number;
  /** Whether to wait until these processes are ready; default true. */
  waitsForReady?: boolean;
}

/** One API and any number of workers, as processes. */
export interface System {
  readonly api: ServiceProcess;
  /** Of the API's callers' listener. */
  readonly client: QueryClient;
  /** In the order of their start, also those that have ended. */
  readonly workers: readonly ServiceProcess[];
  /** Throws where the system has no double. */
  readonly double: TableDouble;
  readonly keyPrefix: string;
  /** Starts one more process, which listens but may not be ready. */
  addApi(env?: Record<string, string>): Promise<ServiceProcess>;
  addWorker(env?: Record<string, string>): Promise<ServiceProcess>;
  /**
   * Ends all processes, also frozen ones, then the double.
   *
   * @throws Error if a process does not end after SIGTERM, or ended with anything but 0 or the SIGKILL of the test.
   */
  stop(): Promise<void>;
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { redisUrl = inject('redisUrl'), rows, faults = [], workers: workerCount = 0, waitsForReady = true } = options;
  const double = rows && (await startTableDouble({ tables: { audit: { kind: 'generated', rows } }, faults }));
  const env = { REDIS_URL: redisUrl, KEY_PREFIX: `{t-${randomUUID()}}`, ...options.env };
  const table = double && { TABLE_CONNECTION_STRING: double.connectionString };
  const apis: ServiceProcess[] = [];
  const workers: ServiceProcess[] = [];
  const add = async (list: ServiceProcess[], starting: Promise<ServiceProcess>) => {
    const process = await starting;
    list.push(process);
    return process;
  };
  const addApi = (more: Record<string, string> = {}) => add(apis, startApi({ ...env, ...options.apiEnv, ...more }));
  const addWorker = (more: Record<string, string> = {}) =>
    add(workers, startWorker({ ...env, ...table, ...options.env, ...options.workerEnv, ...more }));
  const stop = async () => {
    const problems = await Promise.all([
      ...apis.map((process) => endProcess(process, 'an API')),
      ...workers.map((process) => endProcess(process, 'a worker')),
    ]);
    await double?.stop();
    if (problems.join('') !== '') throw new Error(problems.filter((problem) => problem !== '').join('\n'));
  };

  const starting = [addApi(), ...Array.from({ length: workerCount }, () => addWorker())];
  const failed = (await Promise.allSettled(starting)).find(({ status }) => status === 'rejected');
  try {
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
    if (waitsForReady) await Promise.all([...apis, ...workers].map(waitUntilReady));
  } catch (error) {
    await stop();
    throw error;
  }
  const api = apis[0]!;
  return {
    api,
    client: new QueryClient(api.url),
    workers,
    get double() {
      if (double === undefined) throw new Error('the system was started without rows and has no double');
      return double;
    },
    keyPrefix: env.KEY_PREFIX,
    addApi,
    addWorker,
    stop,
  };
}

/** @returns What is wrong with its end; `''` if nothing is. */
async function endProcess(process: ServiceProcess, name: string): Promise<string> {
  // A frozen process handles no SIGTERM.
  process.child.kill('SIGCONT');
  const end = await Promise.race([process.end(), delay(END_LIMIT_MS, 'timeout' as const, { ref: false })]);
  if (end === 0 || (end === 'SIGKILL' && process.wasKilled)) return '';
  if (end === 'timeout') await process.end('SIGKILL');
  return `${name} ended with ${end}:\n${process.output()}`;
}
