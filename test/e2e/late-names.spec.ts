import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { resolve } from 'node:path';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { connectTable, isLoaded } from '../../apps/local/src/load-table';
import { generateSampleData } from '../../apps/local/src/sample-data';
import { startIdentityEndpoint } from '../support/azure/identity-endpoint';
import { startKeyVault } from '../support/azure/key-vault-double';
import type { ServiceProcess } from '../support/service-processes';
import { startSystem } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import { startTableDouble } from '../support/table-double/start-table-double';

// Containers and pods start before the names of other services resolve, and name servers fail now and then.

/** The outcomes of the first lookups of a name, as of a name server that is not ready. */
const LATE = ['EAI_AGAIN', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_AGAIN', 'ENOTFOUND'];

const toLate = (url: string, name: string) => url.replace('127.0.0.1', name);

function toEnvironment(names: Record<string, readonly string[]>): Record<string, string> {
  return { LATE_NAMES: JSON.stringify(names), NODE_OPTIONS: `--require=${resolve('test/support/late-names.cjs')}` };
}

/** Runs Node to its end. */
async function runNode(args: string[], env: Record<string, string>): Promise<{ exitCode: number; output: string }> {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { exitCode, output: stdout + stderr };
}

describe('the loader of the sample data', () => {
  it('loads all entities although lookups of the table service fail now and then', async () => {
    const connectionString = inject('tableConnectionString');
    const tableName = `late${randomBytes(8).toString('hex')}`;
    const { exitCode, output } = await runNode(['dist/apps/local/src/load-sample-data.js'], {
      ...toEnvironment({ 'late-table': ['EAI_AGAIN', 'ok', ...LATE, 'ok', 'EAI_AGAIN'] }),
      TABLE_CONNECTION_STRING: toLate(connectionString, 'late-table'),
      TABLE_NAME: tableName,
    });
    expect(output).toMatch(/No answer at http:\/\/late-table:\d+ \(EAI_AGAIN\): trying again for up to 60 s\./);
    expect([exitCode, output]).toEqual([0, expect.stringContaining('has the sample data.') as string]);
    expect(await isLoaded(connectTable(connectionString, tableName), generateSampleData())).toBe(true);
  });
});

describe('npm start', () => {
  /** Connects to the Redis of REDIS_URL as `npm start` does before it starts API and worker. */
  async function tryRedis(url: string, outcomes: readonly string[]) {
    const program = `
      const { startRedis } = require('./dist/apps/local/src/redis-server.js');
      startRedis({ url: ${JSON.stringify(url)}, onRetry: console.log }).then(
        ({ description }) => console.log(description),
        ({ message }) => { console.log(message); process.exitCode = 1; },
      );`;
    return runNode(['--eval', program], toEnvironment({ 'late-redis': outcomes }));
  }

  it('waits until the name of a given Redis resolves', async () => {
    const url = toLate(inject('redisUrl'), 'late-redis');
    const { exitCode, output } = await tryRedis(url, LATE);
    expect([exitCode, output]).toEqual([0, expect.stringContaining('the one of REDIS_URL, at late-redis') as string]);
    expect(output).toContain('getaddrinfo EAI_AGAIN late-redis: trying again for up to 15 s');
  });

  it('does not wait for a Redis that refuses the connection', async () => {
    const { exitCode, output } = await tryRedis('redis://late-redis:1', []);
    expect([exitCode, output]).toEqual([1, expect.stringContaining('ECONNREFUSED') as string]);
  });
});

describe('a service', () => {
  it('completes queries after the names of Redis, the vault and the table did not resolve at first', async () => {
    const [identity, vault] = await Promise.all([startIdentityEndpoint(), startKeyVault()]);
    const rows = { partitions: generateDays('2021-10-01', 4, 100), distinctIdentifiers: 200 };
    const double = await startTableDouble({ tables: { audit: { kind: 'generated', rows } } });
    vault.set('storage-account-connection-string', toLate(double.connectionString, 'late-table'));
    vault.set('identifier-hash-key', randomBytes(32).toString('hex'));
    const system = await startSystem({
      redisUrl: toLate(inject('redisUrl'), 'late-redis'),
      env: toEnvironment({ 'late-redis': [...LATE, ...LATE], 'late-table': LATE, localhost: LATE }),
      // The worker reads a vault over http on this machine only.
      workerEnv: { ...identity.env, KEY_VAULT_URL: toLate(vault.url, 'localhost') },
      workers: 1,
    });
    onTestFinished(async () => {
      await system.stop();
      await Promise.all([identity.stop(), vault.stop(), double.stop()]);
    });
    const id = await system.client.submit({ start: '2021-10-01', end: '2021-10-04' });
    const { count } = double.truth('audit', '2021-10-01', '2021-10-04');
    expect(await system.client.waitForEnd(id)).toMatchObject({ status: 'Completed', result: { count } });
    const [worker] = system.workers as [ServiceProcess];
    for (const process of [system.api, worker]) {
      expect(process.output()).toMatch(/"code":"EAI_AGAIN".*"Redis is away"/);
      expect(process.output()).toContain('Redis is back');
    }
    expect(worker.output()).toMatch(/SECRET_UNREACHABLE for .*no answer \((EAI_AGAIN|ENOTFOUND)\); retrying in/);
  });
});
