import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { toCommands } from '../../apps/local/src/commands';
import { EXAMPLE_QUERY } from '../../apps/local/src/sample-data';
import { type ComposeFile, parseComposeFile } from '../support/compose-file';
import { waitUntil } from '../support/wait-until';
import { Composition, execute, readLogs, readState, stopContainer } from './composition';
import { readImage } from './image';
import { toImageName } from './image-name';
import { podman } from './podman';
import { createServiceClient, type ServiceClient } from './service-client';
import { toHealthCommand } from './to-run-arguments';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// docker compose up --scale worker=3, with a list of operators' keys. Each test uses the state that the previous one left.

const WORKERS = [1, 2, 3];
const HEALTH_LIMIT_MS = 60_000;

let keys: OperatorKeys;
let file: ComposeFile;
let composition: Composition;
let client: ServiceClient;
let url: string;
let operatorUrl: string;
let workers: string[];

beforeAll(async () => {
  keys = createOperatorKeys();
  const [port, operatorPort] = [await findFreePort(), await findFreePort()];
  [url, operatorUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${operatorPort}`];
  file = parseComposeFile(readFileSync('docker-compose.yml', 'utf8'), {
    PORT: String(port),
    OPERATOR_PORT: String(operatorPort),
    OPERATOR_KEYS_FILE: keys.file,
  });
  client = createServiceClient(url, operatorUrl, keys.authorization);
  composition = await Composition.create(file);
  for (const service of ['redis', 'azurite', 'sample-data', 'api'] as const) await composition.start(service);
  workers = [];
  for (const number of WORKERS) workers.push(await composition.start('worker', number));
});

afterAll(async () => {
  await composition.remove();
  keys.remove();
});

const running = () => [...['redis', 'azurite', 'api'].map((service) => composition.toName(service)), ...workers];
const readHostname = async (name: string) => (await execute(name, 'cat', '/etc/hostname')).stdout.trim();
const isOver = ({ status }: { status: string }) => status !== 'Pending' && status !== 'Running';
const waitForEnd = (id: string) =>
  waitUntil('the end of a query', () => client.readQuery(id), isOver, 5 * HEALTH_LIMIT_MS);

describe('the composition', () => {
  it('passes the health checks of docker-compose.yml', async () => {
    for (const service of ['redis', 'azurite', 'api'] as const) await composition.waitUntilHealthy(service);
    for (const number of WORKERS) await composition.waitUntilHealthy('worker', number);
    const { ExitCode } = await readState(composition.toName('sample-data'));
    expect(ExitCode).toBe(0);
  });

  it('passes the health checks of the images', async () => {
    for (const [service, name] of [
      ['api', composition.toName('api')] as const,
      ['worker', workers[0] ?? ''] as const,
    ]) {
      const { healthcheck = [] } = await readImage(toImageName(service));
      const { exitCode, stderr } = await execute(name, ...toHealthCommand(healthcheck));
      expect(exitCode, stderr).toBe(0);
    }
  });

  it('runs no process as root, with a capability, or on a writable file system', async () => {
    const volumes: Record<string, string[]> = { [composition.toName('redis')]: ['/data'] };
    for (const name of running()) {
      const { program, users, writableMounts, ...confinement } = await readConfinement(name);
      expect(confinement, name).toEqual({
        pid: 1,
        hasCapabilities: false,
        canGainPrivileges: false,
        hasSyscallFilter: true,
      });
      expect(users, name).not.toContain(0);
      // Podman mounts these files over those of the image; root owns them.
      const own = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/run/.containerenv'];
      expect(
        writableMounts.filter((path) => !own.includes(path)),
        name,
      ).toEqual(volumes[name] ?? []);
      expect(program, name).toMatch(/^(node|redis-server|MainThread)/);
    }
    const writes = `for (const path of ['/', '/app', '/tmp', '/run', '/home/node'])
      try { require('fs').writeFileSync(path + '/written', ''); console.log(path) }
      catch ({ code }) { if (code !== 'EROFS') console.log(path, code) }`;
    expect((await execute(composition.toName('api'), 'node', '-e', writes)).stdout).toBe('');
  });

  it('answers the pasted commands of the README: 119', async () => {
    const commands = Object.values(toCommands(url)).join('\n');
    const { stdout } = await promisify(execFile)('bash', ['-c', commands]);
    expect(stdout).toContain('HTTP/1.1 202 Accepted');
    expect(stdout).toMatch(new RegExp(`"count":${EXAMPLE_QUERY.count}\n$`));
  });

  it('runs queries in all three workers', async () => {
    const range = { start: '2021-10-01', end: '2021-10-31' };
    const ids = await Promise.all(Array.from({ length: 12 }, () => client.submit(range)));
    const ends = await Promise.all(ids.map(waitForEnd));
    expect(new Set(ends.map(({ status, result }) => `${status} ${result?.count}`)).size).toBe(1);
    const hosts = await client.readHosts();
    const histories = await Promise.all(ids.map((id) => client.readHistory(id)));
    const taken = histories.flat().flatMap(({ kind, worker }) => (kind === 'attempt-begun' ? (worker ?? '') : []));
    const expected = await Promise.all(workers.map(readHostname));
    expect(new Set(taken.map((worker) => hosts.get(worker)))).toEqual(new Set(expected));
  });
});

describe('the operators of the composition', () => {
  it('need a key of the mounted list', async () => {
    const ask = async (headers: Record<string, string>) => (await fetch(`${operatorUrl}/queues`, { headers })).status;
    expect(await ask({})).toBe(401);
    expect(await ask({ authorization: `Basic ${Buffer.from('alice:aq_wrong').toString('base64')}` })).toBe(401);
    expect(await ask({ authorization: keys.authorization })).toBe(200);
  });

  it('have no listener without a list', async () => {
    const [port, operatorPort] = [await findFreePort(), await findFreePort()];
    const text = readFileSync('docker-compose.yml', 'utf8');
    const { services } = parseComposeFile(text, { PORT: String(port), OPERATOR_PORT: String(operatorPort) });
    const name = await composition.start('api', 2, services.api);
    await composition.waitUntilHealthy('api', 2);
    expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
    await expect(fetch(`http://127.0.0.1:${operatorPort}/queues`)).rejects.toThrow();
    expect(await stopContainer(name)).toMatchObject({ exitCode: 0 });
  });
});

describe('docker stop', () => {
  it('of a worker in the middle of a query: another container completes it, and the count is exact', async () => {
    for (const worker of workers) expect(await stopContainer(worker), worker).toMatchObject({ exitCode: 0 });
    // A slow table and one request at a time, so that the stop is in the middle of the query.
    await podman('update', '--cpus', '0.05', composition.toName('azurite'));
    const { worker } = file.services;
    const slow = { ...worker, environment: { ...worker.environment, SCAN_CONCURRENCY: '1' } };
    const first = await composition.start('worker', 4, slow);
    workers = [first];
    await composition.waitUntilHealthy('worker', 4);
    const { start, end, count } = EXAMPLE_QUERY;
    const id = await client.submit({ start, end });
    await waitUntil(
      'some days to be done',
      () => client.readQuery(id),
      ({ progress }) => progress.daysDone >= 1,
      HEALTH_LIMIT_MS,
    );
    const stopped = await stopContainer(first);
    const between = await client.readQuery(id);
    expect([stopped.exitCode, between.status], await readLogs(first)).toEqual([0, 'Running']);
    expect(stopped.seconds).toBeLessThan(Number(file.services.worker.environment?.['SHUTDOWN_GRACE_SECONDS']));
    console.log(
      `The worker exited after ${stopped.seconds.toFixed(1)} s, ${between.progress.daysDone} of 62 days done.`,
    );

    await podman('update', '--cpus', '1', composition.toName('azurite'));
    workers = [await composition.start('worker', 5)];
    expect(await waitForEnd(id)).toMatchObject({ status: 'Completed', result: { count } });
    const attempts = (await client.readHistory(id)).filter(({ kind }) => kind.startsWith('attempt'));
    expect(attempts.map(({ kind, end }) => end ?? kind)).toEqual([
      'attempt-begun',
      'GivenBack',
      'attempt-begun',
      'Completed',
    ]);
    expect(new Set(attempts.map(({ worker }) => worker)).size).toBe(2);
  });

  it('of the loader of the sample data: it exits at once, although it has no handler', async () => {
    await podman('rm', composition.toName('sample-data'));
    // It waits for the table, so that it cannot exit before the stop.
    await podman('pause', composition.toName('azurite'));
    onTestFinished(async () => {
      await podman('unpause', composition.toName('azurite'));
    });
    const name = await composition.start('sample-data', 1, { ...file.services['sample-data'], depends_on: {} });
    expect(await readConfinement(name)).toMatchObject({ pid: 1, hasCapabilities: false, writableMounts: [] });
    const { exitCode, seconds } = await stopContainer(name);
    expect(exitCode).toBe(143);
    expect(seconds).toBeLessThan(5);
  });

  it('of all containers: they exit with 0, within the grace period', async () => {
    for (const name of [
      ...workers,
      composition.toName('api'),
      composition.toName('azurite'),
      composition.toName('redis'),
    ]) {
      const { exitCode, seconds } = await stopContainer(name);
      expect([name, exitCode]).toEqual([name, 0]);
      expect(seconds, name).toBeLessThan(10);
    }
  });
});

/** A free port, for a server that starts later. */
async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A list of keys with one operator, created as in docs/operators.md. */
interface OperatorKeys {
  file: string;
  authorization: string;
  remove(): void;
}

function createOperatorKeys(): OperatorKeys {
  const text = execFileSync(process.execPath, ['apps/api/create-api-key.mjs', 'alice'], { encoding: 'utf8' });
  const [key] = /\baq_\S+/.exec(text) ?? [];
  const [entry] = /\{.*\}/.exec(text) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'audit-query-operators-'));
  const file = join(folder, 'operators.json');
  writeFileSync(file, `[${entry}]`, { mode: 0o644 });
  return {
    file,
    authorization: `Basic ${Buffer.from(`alice:${key}`).toString('base64')}`,
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** Process 1 of a container, as the kernel shows it. */
interface Confinement {
  program: string;
  /** Its id within the container. */
  pid: number;
  /** Real, effective, saved and file system user. */
  users: number[];
  /** In any set, also the bounding set. */
  hasCapabilities: boolean;
  canGainPrivileges: boolean;
  hasSyscallFilter: boolean;
  /** Mount points that are not read-only, without those of the kernel. */
  writableMounts: string[];
}

async function readConfinement(container: string): Promise<Confinement> {
  const { Pid } = await readState(container);
  const status = readFileSync(`/proc/${Pid}/status`, 'utf8');
  const read = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? '';
  return {
    program: read('Name'),
    pid: Number(read('NSpid').split(/\s+/).at(-1)),
    users: read('Uid').split(/\s+/).map(Number),
    hasCapabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].some((set) => !/^0+$/.test(read(set))),
    canGainPrivileges: read('NoNewPrivs') !== '1',
    hasSyscallFilter: read('Seccomp') === '2',
    writableMounts: readWritableMounts(readFileSync(`/proc/${Pid}/mounts`, 'utf8')),
  };
}

/** Device nodes and the kernel's own file systems are not of the image. */
function readWritableMounts(mounts: string): string[] {
  return mounts
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, path = '', , options = '']) => options.split(',').includes('rw') && !/^\/(dev|proc|sys)\b/.test(path))
    .map(([, path = '']) => path);
}
