import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isPortTaken } from './on-free-port';
import { choosePort, LOOPBACK } from './ports';
import { findProjectFolder } from './project-folder';
import type { RedisServer } from './redis-server';
import { ServiceProcess } from './service-process';
import { waitUntilReady } from './wait-until-ready';

/** How often a port is lost to somebody faster before that is taken for an error. */
const ATTEMPTS = 10;

const LISTEN_LIMIT_MS = 60_000;

export interface ApiPorts {
  port: number;
  operatorPort: number;
}

export interface Api extends ApiPorts {
  process: ServiceProcess;
  keyPrefix: string;
}

interface ServiceOptions {
  redis: RedisServer;
  /** Where the log goes. */
  folder: string;
  signal: AbortSignal;
}

/** As PORT and OPERATOR_PORT say. @throws PortUnusableError */
export async function chooseApiPorts(): Promise<ApiPorts> {
  const { PORT, OPERATOR_PORT } = process.env;
  // The one that is set comes first, or the other one's default could be in its way.
  if (OPERATOR_PORT !== undefined && OPERATOR_PORT !== '') {
    const operatorPort = await choosePort('OPERATOR_PORT', OPERATOR_PORT, 3_001);
    return { port: await choosePort('PORT', PORT, 3_000, [operatorPort]), operatorPort };
  }
  const port = await choosePort('PORT', PORT, 3_000);
  return { port, operatorPort: await choosePort('OPERATOR_PORT', OPERATOR_PORT, 3_001, [port]) };
}

/** Starts `apps/api` and waits until it is ready. @throws PortUnusableError, ProcessEndedError, the signal's reason */
export async function startApi({ redis, folder, signal }: ServiceOptions): Promise<Api> {
  return again(async () => {
    const ports = await chooseApiPorts();
    const keyPrefix = chooseKeyPrefix(redis, ports.port);
    const api = startService('api', folder, {
      ...toCommonEnvironment(redis, keyPrefix),
      HOST: LOOPBACK,
      PORT: String(ports.port),
      OPERATOR_HOST: LOOPBACK,
      OPERATOR_PORT: String(ports.operatorPort),
      PUBLIC_BASE_URL: `http://${LOOPBACK}:${ports.port}`,
    });
    await readyOrStop(api, [ports.port, ports.operatorPort], signal);
    return { ...ports, process: api, keyPrefix };
  });
}

interface WorkerOptions extends ServiceOptions {
  api: Api;
  tableConnectionString: string;
  tableName: string;
}

/** Starts `apps/worker` and waits until it is ready. @throws PortUnusableError, ProcessEndedError, the signal's reason */
export async function startWorker(options: WorkerOptions): Promise<ServiceProcess> {
  const { redis, folder, signal, api } = options;
  return again(async () => {
    const taken = [api.port, api.operatorPort];
    const healthPort = await choosePort('HEALTH_PORT', process.env['HEALTH_PORT'], 3_002, taken);
    const worker = startService('worker', folder, {
      ...toCommonEnvironment(redis, api.keyPrefix),
      HEALTH_HOST: LOOPBACK,
      HEALTH_PORT: String(healthPort),
      // A shell that knows a real account must not lead away from the sample data.
      ...{ TABLE_ACCOUNT_URL: '', APP_CONFIG_ENDPOINT: '', KEY_VAULT_URL: '' },
      TABLE_CONNECTION_STRING: options.tableConnectionString,
      TABLE_NAME: options.tableName,
      IDENTIFIER_HASH_KEY: randomBytes(32).toString('hex'),
    });
    await readyOrStop(worker, [healthPort], signal);
    return worker;
  });
}

async function again<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      // Where the port is one that was asked for, choosing it anew says so.
      if (attempt === ATTEMPTS || !isPortTaken(error)) throw error;
    }
  }
}

/**
 * A given Redis may hold real queries, which a worker over sample data must never answer, and may serve other runs like
 * this one. The machine and the port tell them apart, and the next run finds the queries of this one. KEY_PREFIX is not
 * obeyed: a shell that has it has it from the settings of a real service.
 */
export function chooseKeyPrefix({ kind }: RedisServer, port: number): string {
  return kind === 'given' ? `{audit-query-local-${hostname().replace(/[^\w.-]/g, '-')}-${port}}` : '{audit-query}';
}

function toCommonEnvironment(redis: RedisServer, keyPrefix: string): NodeJS.ProcessEnv {
  const { LOG_LEVEL, LOG_FORMAT } = process.env;
  // Quieter, and a service would not say where it listens.
  const isQuiet = ['', 'warn', 'error', 'fatal'].includes(LOG_LEVEL ?? '');
  return {
    ...process.env,
    // production would refuse the emulator's plain http.
    NODE_ENV: 'development',
    NO_COLOR: '1',
    LOG_LEVEL: isQuiet ? 'info' : LOG_LEVEL,
    // The services see a pipe; whether a person reads what comes out of it is known here.
    LOG_FORMAT: LOG_FORMAT || (process.stdout.isTTY ? 'pretty' : 'json'),
    REDIS_URL: redis.url,
    KEY_PREFIX: keyPrefix,
  };
}

function startService(app: 'api' | 'worker', folder: string, env: NodeJS.ProcessEnv): ServiceProcess {
  return new ServiceProcess({
    name: `apps/${app}`,
    command: process.execPath,
    args: [join(findProjectFolder(), `dist/apps/${app}/src/main.js`)],
    env,
    logFile: join(folder, `${app}.log`),
  });
}

/** @param ports Of all its listeners; the first one is asked for its health. */
async function readyOrStop(service: ServiceProcess, ports: number[], signal: AbortSignal): Promise<void> {
  try {
    for (const port of ports) {
      // Only then is it ours what answers there. Where two runs choose one port at the same time, the other's would do
      // so as well, and this one end a moment later.
      await service.waitForOutput(new RegExp(`http://${LOOPBACK}:${port}\\b`), LISTEN_LIMIT_MS, signal);
    }
    await waitUntilReady(`http://${LOOPBACK}:${ports[0]}/health/ready`, service, signal);
  } catch (error) {
    await service.stop();
    throw error;
  }
}
