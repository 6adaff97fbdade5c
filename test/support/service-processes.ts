import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { waitUntil } from './wait-until';
import { readFileSync } from 'node:fs';

/** A process of the service under test. */
export interface ServiceProcess {
  /** Of the API's callers' listener or the worker's health listener. */
  url: string;
  /** Of the API's operators' listener. */
  operatorUrl: string | undefined;
  child: ChildProcess;
  /** Its stdout and stderr so far. */
  output(): string;
  /** Whether `end` was called with SIGKILL before the process had exited. */
  readonly wasKilled: boolean;
  /** Sends the signal and waits for the exit. @returns The exit code, or the signal that ended the process. */
  end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Tests send more requests than the default limits allow. */
export const NO_LIMITS = {
  SUBMISSIONS_PER_MINUTE: '100000',
  LIVE_QUERIES_PER_CALLER: '100000',
  POLLS_PER_MINUTE: '100000',
  REQUESTS_PER_MINUTE: '1000000',
  EVENT_STREAMS_PER_CALLER: '100000',
};

/** Starts the built API, at ports that the system chooses. */
export function startApi(env: Record<string, string>): Promise<ServiceProcess> {
  return start('api', { PORT: '0', OPERATOR_PORT: '0', ...NO_LIMITS, ...env });
}

/** Starts a built worker, at a port that the system chooses. */
export function startWorker(env: Record<string, string>): Promise<ServiceProcess> {
  return start('worker', { HEALTH_PORT: '0', ...env });
}

/** Generous: no test judges how long a start takes, and a busy machine needs long. */
const START_LIMIT_MS = 60_000;

const LISTENING = {
  // The closing quote is part of the pattern, since output can arrive in pieces.
  api: { url: /Public listener at (http:[^\s"]+)"/, operatorUrl: /Operator listener at (http:[^\s"]+)"/ },
  worker: { url: /health at (http:[^\s"]+)"/, operatorUrl: undefined },
};

async function start(app: keyof typeof LISTENING, env: Record<string, string>): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [`dist/apps/${app}/src/main.js`], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1', NODE_EXTRA_CA_CERTS: process.env['NODE_EXTRA_CA_CERTS'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const { url, operatorUrl } = LISTENING[app];
  const read = (pattern: RegExp | undefined) => pattern?.exec(output)?.[1];
  await waitUntil(
    `the ${app} to listen`,
    () => ({ exitCode: child.exitCode, output }),
    ({ exitCode }) =>
      exitCode !== null || [url, operatorUrl].every((pattern) => pattern === undefined || pattern.test(output)),
    START_LIMIT_MS,
  ).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  if (child.exitCode !== null) throw new Error(`the ${app} ended with ${child.exitCode}:\n${output}`);
  let wasKilled = false;
  return {
    url: read(url) ?? '',
    operatorUrl: read(operatorUrl),
    child,
    output: () => output,
    get wasKilled() {
      return wasKilled;
    },
    async end(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal);
        wasKilled ||= signal === 'SIGKILL';
      }
      const [code, endedBy] = await exited;
      return code ?? endedBy;
    },
  };
}

export async function waitUntilReady({ url }: ServiceProcess): Promise<void> {
  await waitUntil(
    `${url} to be ready`,
    async () => {
      const answer = await fetch(`${url}/health/ready`);
      return { status: answer.status, body: await answer.text() };
    },
    ({ status }) => status === 200,
    START_LIMIT_MS,
  );
}

/** The resident memory of a process. @throws Error if it has ended or the system has no /proc. */
export function readResidentBytes({ child }: ServiceProcess): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
  if (kibibytes === undefined) throw new Error('the system does not show the resident memory of the process');
  return Number(kibibytes) * 1_024;
}
