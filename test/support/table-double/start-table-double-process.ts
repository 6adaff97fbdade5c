import { fork } from 'node:child_process';
import { once } from 'node:events';
import { CONTROL_PATH } from './control-routes';
import type { QueryCount, RecordedRequest } from './request-log';
import { DEVELOPMENT_KEY } from './shared-key';
import { toConnectionString } from './start-table-double';
import type { TableDoubleOptions, TableDoubleSettings } from './table-double-options';
import type { TableTruth } from './table-truth';

/** A double in another process, with the members of TableDouble. */
export interface RemoteTableDouble {
  readonly port: number;
  readonly connectionString: string;
  /** The process of the server, for measurements. */
  readonly pid: number;
  requests(): Promise<RecordedRequest[]>;
  countByQuery(): Promise<QueryCount[]>;
  configure(change: Partial<TableDoubleSettings>): Promise<void>;
  reset(): Promise<void>;
  truth(table: string, start: string, end: string): Promise<TableTruth>;
  stop(): Promise<void>;
}

/** Runs the compiled `table-double-process.js` at `mainFile`. Rejects if it exits before it listens. */
export async function startTableDoubleProcess(
  mainFile: string,
  options: TableDoubleOptions,
): Promise<RemoteTableDouble> {
  const child = fork(mainFile, [JSON.stringify(options)], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let complaint = '';
  child.stderr?.on('data', (text: Buffer) => (complaint += text.toString()));
  const ended = once(child, 'exit');
  const port = await Promise.race([
    once(child, 'message').then(([message]: { port: number }[]) => message?.port),
    ended.then(([code]) => Promise.reject(new Error(`the double ended with code ${String(code)}: ${complaint}`))),
  ]);
  if (port === undefined || child.pid === undefined) throw new Error('the double printed no port');
  child.stderr?.pipe(process.stderr);

  const call = async (method: string, route: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}${CONTROL_PATH}${route}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    port,
    connectionString: toConnectionString(port, DEVELOPMENT_KEY),
    pid: child.pid,
    requests: async () => (await call('GET', 'requests')) as RecordedRequest[],
    countByQuery: async () => (await call('GET', 'counts')) as QueryCount[],
    configure: async (change) => void (await call('PUT', 'settings', change)),
    reset: async () => void (await call('POST', 'reset')),
    truth: async (table, start, end) =>
      (await call('GET', `truth?${new URLSearchParams({ table, start, end }).toString()}`)) as TableTruth,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
