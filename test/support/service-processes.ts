import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { waitUntil } from './wait-until';

/** A process of the service under test. */
export interface ServiceProcess {
  /** What it listens at; the API's callers' listener, the worker's health listener. */
  url: string;
  /** The API's operators' listener. */
  operatorUrl: string | undefined;
  child: ChildProcess;
  /** What it has printed so far. */
  output(): string;
  /** Ends it and waits for its end; its exit code, or the signal that ended it. */
  end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Tests ask more often than any client should. */
const NO_LIMITS = {
  SUBMISSIONS_PER_MINUTE: '100000',
  LIVE_QUERIES_PER_CALLER: '100000',
  POLLS_PER_MINUTE: '100000',
  REQUESTS_PER_MINUTE: '1000000',
  EVENT_STREAMS_PER_CALLER: '100000',
};

/** Starts the built API; it chooses its own ports. */
export function startApi(env: Record<string, string>): Promise<ServiceProcess> {
  return start('api', { PORT: '0', OPERATOR_PORT: '0', ...NO_LIMITS, ...env });
}

/** Starts a built worker; it chooses its own port. */
export function startWorker(env: Record<string, string>): Promise<ServiceProcess> {
  return start('worker', { HEALTH_PORT: '0', ...env });
}

/** A busy machine may take its time with this, and it is never the point. */
const START_LIMIT_MS = 60_000;

const LISTENING = {
  // With the quote behind: what a process prints can arrive in pieces.
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
  );
  if (child.exitCode !== null) throw new Error(`the ${app} ended with ${child.exitCode}:\n${output}`);
  return {
    url: read(url) ?? '',
    operatorUrl: read(operatorUrl),
    child,
    output: () => output,
    async end(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const [code, endedBy] = await exited;
      return code ?? endedBy;
    },
  };
}

/** Waits until a process says that it is ready. */
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
